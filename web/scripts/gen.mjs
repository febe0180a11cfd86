// Makes src/api from openapi.json, the panel's own document (written by `go generate ./panel/internal/api`):
// schema.gen.d.ts, the types of every endpoint, and options.gen.json, the schemas that ingress forms are drawn from.
// With --check it writes nothing and fails when the files are not what it would write.
import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const root = new URL('../', import.meta.url)
const document = JSON.parse(readFileSync(new URL('openapi.json', root), 'utf8'))

const schemas = document.components.schemas
/** flat replaces references by what they name. */
const flat = (s) => {
  if (Array.isArray(s)) return s.map(flat)
  if (typeof s !== 'object' || s === null) return s
  if (s.$ref) return flat(schemas[s.$ref.slice('#/components/schemas/'.length)])
  return Object.fromEntries(Object.entries(s).map(([k, v]) => [k, flat(v)]))
}
const options = Object.fromEntries(
  schemas.CreateIngressBody.oneOf.map(({ properties: p }) => [p.kind.const, flat(p.options)]),
)

const made = {
  'src/api/schema.gen.d.ts': '// Made by scripts/gen.mjs. Do not edit.\n' + astToString(await openapiTS(document)),
  'src/api/options.gen.json': JSON.stringify(options, null, 1) + '\n',
}
const check = process.argv.includes('--check')
for (const [name, text] of Object.entries(made)) {
  const file = new URL(name, root)
  if (!check) writeFileSync(file, text)
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${name} is stale: make gen`)
    process.exitCode = 1
  }
}
