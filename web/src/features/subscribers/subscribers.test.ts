import { describe, expect, it } from 'vitest'
import { filterOf } from './api/list'
import { bodyOf, changesOf, freshValues } from './forms/values'
import { subscribersSearch } from './search'

describe('links to the list', () => {
  it('carry filters and drop nonsense', () => {
    expect(subscribersSearch({ q: 'ann', status: 'sleeping', sort: '-used', online: 'true', evil: 1 })).toEqual({ q: 'ann', sort: '-used', online: true })
  })
  it('ask the panel for the same', () => expect(filterOf({ q: 'ann', online: false, open: 'sub_1' })).toEqual({ q: 'ann', online: 'false' }))
})

describe('forms', () => {
  it('send at creation what was filled in', () => {
    expect(bodyOf({ ...freshValues, name: ' ann ', traffic_limit: -1 })).toEqual({ name: 'ann', traffic_limit: -1 })
  })
  it('send of a change what differs', () => {
    const before = { ...freshValues, name: 'ann', email: 'a@example.com', devices: 3 }
    expect(changesOf(before, { ...before, email: '', devices: 5 })).toEqual({ email: '', devices: 5 })
    expect(changesOf(before, before)).toEqual({})
  })
})
