import { useQuery } from '@tanstack/react-query'
import { brandingQuery } from '@/api/branding'
import { useMe } from '@/api/me'
import { Brand } from '@/ui/layout/Brand'

export function BrandMark() {
  const { data } = useQuery(brandingQuery(useMe().realm))
  return <Brand title={data?.title || 'Culvert'} logo={data?.logo_url} />
}
