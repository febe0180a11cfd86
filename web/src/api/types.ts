import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Me = Schemas['Me']
export type Node = Schemas['Node']
export type Ingress = Schemas['Ingress']
export type Certificate = Schemas['Certificate']
export type NodeGroup = Schemas['Group']
export type EnrolToken = Schemas['EnrolToken']
export type Job = Schemas['Job']
export type Plan = Schemas['Plan']
export type Subscriber = Schemas['Subscriber']
export type Session = Schemas['SessionRow']
export type Device = Schemas['Device']
export type Endpoint = Schemas['ShownEndpoint']
export type SubToken = Schemas['Token']
export type AuditEntry = Schemas['Entry']
export type Bucket = Schemas['Bucket']
export type Tenant = Schemas['Tenant']
export type Login = Schemas['Login']
export type AccessKey = Schemas['AccessKey']
export type OpenSession = Schemas['OpenSession']
export type ProfileSetting = Schemas['Setting']

export type Kind = Ingress['kind']
export type Body<K extends keyof Schemas> = Omit<Schemas[K], '$schema'>
export type Overview = Schemas['Overview']
