import { compact, oneOf, text, type Search } from '@/lib/search'

export const jobsSearch = (s: Search) => compact({ node: text(s, 'node', 64), state: oneOf(s, 'state', ['failed']) })
