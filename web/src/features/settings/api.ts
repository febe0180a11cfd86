import { queryOptions } from '@tanstack/react-query'
import { api, data, raw, versioned } from '@/api/client'
import type { Body, ProfileSetting } from '@/api/types'

export const settingQuery = queryOptions({ queryKey: ['profile-setting'], queryFn: () => data(api.GET('/profile-setting')) })
export const updateSetting = (s: ProfileSetting, body: Body<'PatchProfileSettingBody'>) => data(api.PATCH('/profile-setting', { params: { header: versioned(s) }, body }))

export const ownBrandingQuery = (tenant: string) => queryOptions({ queryKey: ['own-branding', tenant], queryFn: () => data(api.GET('/tenants/{id}/branding', { params: { path: { id: tenant } } })) })
export const updateBranding = (tenant: string, body: Body<'PatchBrandingBody'>) => data(api.PATCH('/tenants/{id}/branding', { params: { path: { id: tenant } }, body }))

export const setLogo = (tenant: string, file: File) => raw(`/tenants/${tenant}/branding/logo`, { method: 'PUT', body: file, headers: { 'Content-Type': file.type || 'application/octet-stream' } })
export const removeLogo = (tenant: string) => raw(`/tenants/${tenant}/branding/logo`, { method: 'DELETE' })
