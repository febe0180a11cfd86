// Package profile makes what a client app imports: share links, WireGuard files, whole subscriptions in the formats that apps
// read, and QR codes of them. It knows where a subscriber may connect (package reach), what they present there (packages
// subscriber and device), how their tenant wants entries named, and the tokens under which apps fetch all that.
//
// Renderers are pure: Document in, text out, one file each, checked against golden files. A format leaves out what it cannot
// carry. A subscriber who may not connect gets one entry that leads nowhere and whose name says why.
//
// Tokens of subscriptions and of one-time links are found by keyed hash. Whoever asks with one that is unknown, revoked or
// expired is told the same: there is nothing here.
package profile
