import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api, data } from '@/api/client'
import { useWords } from '@/i18n/useWords'
import { filterOf } from '../api/list'
import type { SubscribersSearch } from '../search'

/** Count says how many there are, not only how many have been fetched. */
export function Count({ search, loaded, whole }: { search: SubscribersSearch; loaded: number; whole: boolean }) {
  const { t, f } = useWords()
  const filter = filterOf(search)
  const found = useQuery({ queryKey: ['subscribers', 'count', filter], queryFn: () => data(api.GET('/subscribers/count', { params: { query: filter } })), enabled: !whole }).data
  const count = whole ? loaded : found?.count
  if (count === undefined) return null
  const number = f.number(count)
  return <Text size="sm" c="dimmed" mt="sm" className="tnum">{whole || found?.exact ? t('subscribers.count', { count, number }) : t('subscribers.countAbout', { number })}</Text>
}
