import { MultiSelect } from '@mantine/core'
import { useTranslation } from 'react-i18next'

interface Choice { value: string; label: string }
interface Field { value: string[]; onChange: (v: string[]) => void; error?: React.ReactNode }

/** GroupsAndProtocols chooses what a plan or a subscriber may use; nothing chosen is everything. */
export function GroupsAndProtocols({ protocols, groups, protocolChoices, groupChoices }: { protocols: Field; groups: Field; protocolChoices: Choice[]; groupChoices: Choice[] }) {
  const { t } = useTranslation()
  return (
    <>
      <MultiSelect label={t('form.protocols')} placeholder={protocols.value?.length ? undefined : t('form.everyProtocol')} data={protocolChoices} {...protocols} />
      {groupChoices.length > 0 && <MultiSelect label={t('form.nodeGroups')} placeholder={groups.value?.length ? undefined : t('form.everyGroup')} data={groupChoices} {...groups} />}
    </>
  )
}
