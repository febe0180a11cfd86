export const CsvMenu = (p: { search: object }) => { void p; return null }
