import js from '@eslint/js'
import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'
import zones from './scripts/zones.mjs'

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'screenshots', 'src/api/*.gen.*'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { hooks, culvert: { rules: { zones } } },
    rules: {
      'hooks/rules-of-hooks': 'error',
      'hooks/exhaustive-deps': 'error',
      'culvert/zones': 'error',
      'max-lines': ['error', { max: 400 }],
      'no-console': 'error',
      '@typescript-eslint/no-dynamic-delete': 'off',
    },
  },
  {
    files: ['**/*.mjs', 'e2e/**'],
    languageOptions: { globals: { setTimeout: 'readonly', Buffer: 'readonly', fetch: 'readonly', localStorage: 'readonly', Image: 'readonly', process: 'readonly', console: 'readonly', URL: 'readonly', document: 'readonly', window: 'readonly' } },
  },
)
