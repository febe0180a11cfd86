import { Modal, TextInput, VisuallyHidden } from '@mantine/core'
import { useDebouncedValue, useDisclosure, useHotkeys } from '@mantine/hooks'
import { Search } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import classes from './palette.module.css'
import { useCommands } from './useCommands'

export function usePalette() {
  const [opened, { open, close }] = useDisclosure()
  useHotkeys([['mod+K', open]], [])
  return { opened, open, close }
}

/** Palette reaches every page, every beginning and every subscriber by keyboard. */
export function Palette({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal.Root opened={opened} onClose={close} padding={0} size={560} yOffset="12vh" centered={false}>
      <Modal.Overlay backgroundOpacity={0.4} />
      <Modal.Content aria-label={t('palette.open')} aria-labelledby={undefined}><Modal.Body>{opened && <Finder close={close} />}</Modal.Body></Modal.Content>
    </Modal.Root>
  )
}

function Finder({ close }: { close: () => void }) {
  const { t } = useTranslation()
  const [query, setQuery] = useState('')
  const [slow] = useDebouncedValue(query.trim(), 200)
  const found = useCommands(query, slow)
  const [at, setAt] = useState(0)
  const current = Math.min(at, Math.max(0, found.length - 1))
  const run = (i: number) => {
    close()
    found[i]?.run()
  }
  const onKeyDown = (e: React.KeyboardEvent) => {
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0
    if (step !== 0 && found.length > 0) {
      e.preventDefault()
      const next = (current + step + found.length) % found.length
      setAt(next)
      document.getElementById(`palette-${next}`)?.scrollIntoView({ block: 'nearest' })
    } else if (e.key === 'Enter' && !e.nativeEvent.isComposing) {
      e.preventDefault()
      run(current)
    }
  }
  return (
    <div>
      <TextInput
        variant="unstyled" size="lg" px="md" data-autofocus leftSection={<Search size={18} aria-hidden />} leftSectionWidth={44} placeholder={t('palette.placeholder')} value={query}
        role="combobox" aria-label={t('palette.placeholder')} aria-expanded aria-controls="palette-list" aria-activedescendant={found.length > 0 ? `palette-${current}` : undefined}
        onChange={(e) => {
          setQuery(e.currentTarget.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <div id="palette-list" role="listbox" aria-label={t('palette.results')} className={classes.list}>
        {found.map((c, i) => (
          <div key={c.id} id={`palette-${i}`} role="option" aria-selected={i === current} className={classes.item} onClick={() => run(i)} onMouseMove={() => setAt(i)}>
            <c.icon size={16} aria-hidden />
            <span className={classes.word}>{c.label}</span>
            <span className={classes.kind}>{c.kind}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && <div className={classes.none}>{t('palette.nothing')}</div>}
      <VisuallyHidden role="status">{t('palette.count', { count: found.length })}</VisuallyHidden>
    </div>
  )
}
