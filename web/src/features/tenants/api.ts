import { api, data, versioned } from '@/api/client'
import type { Body, Tenant } from '@/api/types'

export const createTenant = (body: Body<'CreateTenantBody'>) => data(api.POST('/tenants', { body }))
export const updateTenant = (x: Tenant, body: Body<'PatchTenantBody'>) => data(api.PATCH('/tenants/{id}', { params: { path: { id: x.id }, header: versioned(x) }, body }))
