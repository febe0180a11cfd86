// A lint rule: which folder may import which. Features know nothing of each other, the design system knows no feature,
// and the portal does not pull in the panel.
import path from 'node:path'

const leaves = ['lib', 'i18n', 'api', 'ui']
const allowed = {
  lib: ['lib'],
  i18n: ['i18n', 'lib'],
  api: ['api', 'lib'],
  ui: ['ui', 'lib', 'i18n'],
  features: leaves,
  portal: ['portal', ...leaves],
  app: ['app', 'features', ...leaves],
}

/** zoneOf tells the folder below src, and the feature's name where it is one. */
function zoneOf(file) {
  const parts = file.split(path.sep)
  const at = parts.lastIndexOf('src')
  return at < 0 ? {} : { zone: parts[at + 1], feature: parts[at + 1] === 'features' ? parts[at + 2] : undefined }
}

export default {
  meta: { type: 'problem', schema: [], messages: { wall: '{{from}} must not import {{to}}' } },
  create(context) {
    const file = context.filename
    const from = zoneOf(file)
    if (!allowed[from.zone] || /\.test\.tsx?$/.test(file)) return {}
    const src = file.slice(0, file.lastIndexOf(`${path.sep}src${path.sep}`) + 4)
    const check = (node) => {
      const name = node.source?.value
      if (typeof name !== 'string') return
      const target = name.startsWith('@/') ? path.join(src, name.slice(2)) : name.startsWith('.') ? path.resolve(path.dirname(file), name) : undefined
      if (!target) return
      const to = zoneOf(target)
      const same = from.zone === 'features' && to.zone === 'features' && from.feature === to.feature
      if (same || allowed[from.zone].includes(to.zone)) return
      context.report({ node, messageId: 'wall', data: { from: from.feature ?? from.zone, to: to.feature ?? to.zone } })
    }
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check, ImportExpression: check }
  },
}
