import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useState } from 'react'
import { describe, expect, it } from 'vitest'
import { show } from '@/test/render'
import { OptionsForm } from './OptionsForm'
import { compactOptions, fieldsOf, kinds, schemas, split, usualPort } from './schema'

describe('forms from the schemas', () => {
  it.each(kinds)('%s: every option is in the form, hidden keys are not', (kind) => {
    const { usual, rest } = split(kind)
    const open = Object.entries(schemas[kind].properties ?? {}).filter(([, s]) => !s.writeOnly).map(([n]) => n)
    expect([...usual, ...rest].sort()).toEqual(open.sort())
    expect(usualPort[kind]).toBeGreaterThan(0)
  })

  it('offers what a type takes once it is chosen, and forgets what it does not', async () => {
    let last: Record<string, unknown> = {}
    function Box() {
      const [v, set] = useState<Record<string, unknown>>({})
      last = v
      return <OptionsForm kind="hysteria2" value={v} onChange={set} errors={{ up_mbps: 'too much' }} />
    }
    show(<Box />)
    expect(screen.getByText('too much')).toBeTruthy()
    expect(screen.queryByRole('textbox', { name: 'Password' })).toBeNull()
    const type = screen.getAllByRole('combobox', { name: 'Type' })[0]
    if (!type) throw new Error('no type')
    await userEvent.click(type)
    await userEvent.click(await screen.findByRole('option', { name: 'salamander', hidden: true }))
    await userEvent.type(screen.getByRole('textbox', { name: 'Password' }), 'abcd')
    expect(last).toEqual({ obfs: { type: 'salamander', password: 'abcd' } })
  })

  it('knows what every type of a group takes', () => {
    for (const group of ['masquerade', 'obfs', 'congestion'] as const) {
      const s = schemas.hysteria2.properties?.[group]?.properties ?? {}
      const named = (s.type?.enum ?? []).flatMap((x) => fieldsOf(group, x) ?? [])
      expect(Object.keys(s).filter((k) => k !== 'type' && !named.includes(k))).toEqual([])
    }
  })

  it('sends nothing that was cleared', () => expect(compactOptions({ a: '', b: undefined, c: { d: undefined }, e: false, f: 0, g: { h: 1 } })).toEqual({ e: false, f: 0, g: { h: 1 } }))
})
