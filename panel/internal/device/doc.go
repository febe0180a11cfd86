// Package device owns subscribers' WireGuard peers: who has which key, and which place in the pools of inner addresses.
//
// A device has a key pair, which the panel makes or of which the user brings the public half, and a number: its place in
// every ingress's pools, so that it has one address everywhere and no two share one. Numbers come lowest first from those
// that deleted devices gave back, then from a sequence (migrations/0006_devices.sql). Private and preshared keys are sealed.
// A subscriber who may not connect keeps the devices; nodes hear of the enabled ones only, through subscriber.Changed.
package device
