import { CloseButton, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { Search } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

/** SearchInput tells what was typed once the typing stops. */
export function SearchInput({ value, onChange, label }: { value: string; onChange: (v: string) => void; label: string }) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState(value)
  const send = useDebouncedCallback(onChange, 250)
  useEffect(() => setTyped(value), [value])
  const clear = () => {
    setTyped('')
    onChange('')
  }
  return (
    <TextInput
      type="search" aria-label={label} placeholder={label} value={typed} leftSection={<Search size={16} aria-hidden />} w={{ base: '100%', xs: 280 }}
      rightSection={typed && <CloseButton size="sm" aria-label={t('common.clear')} onClick={clear} />}
      onChange={(e) => {
        setTyped(e.currentTarget.value)
        send(e.currentTarget.value)
      }}
    />
  )
}
