import { api, data, versioned } from '@/api/client'
import type { Body, Plan } from '@/api/types'

export type PlanValues = Required<Body<'CreatePlanBody'>>

export const createPlan = (body: PlanValues) => data(api.POST('/plans', { body }))

export const updatePlan = (plan: Plan, body: PlanValues) => data(api.PATCH('/plans/{id}', { params: { path: { id: plan.id }, header: versioned(plan) }, body }))

export const deletePlan = (plan: Plan, move: boolean) => data(api.DELETE('/plans/{id}', { params: { path: { id: plan.id }, query: { move } } }))
