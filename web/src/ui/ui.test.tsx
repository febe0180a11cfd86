import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { ApiError } from '@/lib/problem'
import { GiB } from '@/lib/units'
import { show } from '@/test/render'
import { UsageBar } from './data/UsageBar'
import { useConfirm } from './feedback/confirm'
import { Fault, Loaded } from './feedback/states'
import { FormDialog } from './form/FormDialog'
import { SizeInput } from './form/SizeInput'
import { useApiForm } from './form/useApiForm'
import { DataTable } from './table/DataTable'
import { TextInput } from '@mantine/core'

describe('table', () => {
  const rows = [{ id: 'a', n: 1 }, { id: 'b', n: 2 }]
  const columns = [{ key: 'id', title: 'Id', sort: 'id', cell: (r: { id: string }) => r.id }, { key: 'n', title: 'N', align: 'right' as const, cell: (r: { n: number }) => r.n }]

  it('sorts by a heading, both ways', async () => {
    const set = vi.fn()
    show(<DataTable label="things" columns={columns} rows={rows} id={(r) => r.id} sorting={{ by: 'id', set }} />)
    expect(screen.getByRole('columnheader', { name: 'Id' })).toHaveProperty('ariaSort', 'ascending')
    await userEvent.click(screen.getByRole('button', { name: 'Id' }))
    expect(set).toHaveBeenCalledWith('-id')
  })

  it('opens a row by click and by keyboard, not when a box is ticked', async () => {
    const open = vi.fn()
    const tick = vi.fn()
    show(<DataTable label="things" columns={columns} rows={rows} id={(r) => r.id} onOpen={open} openLabel={(r) => r.id} selection={{ has: () => false, set: tick, setAll: vi.fn() }} />)
    await userEvent.click(screen.getByRole('checkbox', { name: 'Select b' }))
    expect(tick).toHaveBeenCalledWith('b', true)
    expect(open).not.toHaveBeenCalled()
    screen.getByRole('button', { name: 'b' }).focus()
    await userEvent.keyboard('{Enter}')
    expect(open).toHaveBeenLastCalledWith(rows[1])
  })
})

describe('forms', () => {
  function Form({ send }: { send: () => Promise<unknown> }) {
    const f = useApiForm({ initialValues: { name: 'x' } }, send)
    return <FormDialog opened title="T" action="Go" onClose={() => undefined} of={f}><TextInput label="Name" {...f.bind('name')} /></FormDialog>
  }
  it('show what the panel refuses at the field that it names', async () => {
    show(<Form send={() => Promise.reject(new ApiError({ status: 422, detail: 'invalid', fields: [{ field: 'body.name', rule: 'is taken' }] }))} />)
    await userEvent.click(screen.getByRole('button', { name: 'Go' }))
    await screen.findByText('is taken')
    expect(screen.getByRole('textbox', { name: 'Name' }).getAttribute('aria-invalid')).toBe('true')
  })
  it('show what has no field above them all', async () => {
    show(<Form send={() => Promise.reject(new ApiError({ status: 409, detail: 'somebody was faster' }))} />)
    await userEvent.click(screen.getByRole('button', { name: 'Go' }))
    expect((await screen.findByRole('alert')).textContent).toContain('somebody was faster')
  })
  it('take sizes in a unit of people', async () => {
    const set = vi.fn()
    show(<SizeInput label="Traffic" value={10 * GiB} none={-1} onChange={set} />)
    const input = screen.getByRole('textbox', { name: 'Traffic' })
    expect(input).toHaveProperty('value', '10')
    await userEvent.type(input, '0')
    expect(set).toHaveBeenLastCalledWith(100 * GiB)
    await userEvent.click(screen.getByRole('switch', { name: 'Traffic: No limit' }))
    expect(set).toHaveBeenLastCalledWith(-1)
  })
})

it('a question keeps a failure in sight and does not close', async () => {
  function Ask() {
    const confirm = useConfirm()
    return <button onClick={() => confirm({ title: 'Sure?', body: 'It is gone then.', action: 'Delete', danger: true, run: () => Promise.reject(new ApiError({ status: 409, detail: 'in use' })) })}>ask</button>
  }
  show(<Ask />)
  await userEvent.click(screen.getByRole('button', { name: 'ask' }))
  await userEvent.click(await screen.findByRole('button', { name: 'Delete' }))
  await screen.findByText('in use')
  expect(screen.getByText('It is gone then.')).toBeTruthy()
})

it('usage says its numbers to those who do not see the bar', () => {
  show(<UsageBar used={GiB} limit={4 * GiB} />)
  expect(screen.getByRole('img', { name: '1 GB of 4 GB used' })).toBeTruthy()
})

describe('states', () => {
  it('wait, fail with another try, and show', async () => {
    const refetch = vi.fn()
    show(<Loaded query={{ data: undefined, error: null, isPending: true, refetch }}>{() => 'x'}</Loaded>)
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy()
    show(<Fault error={new ApiError({ status: 0, detail: 'no route' })} retry={refetch} />)
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await waitFor(() => expect(refetch).toHaveBeenCalled())
  })
})
