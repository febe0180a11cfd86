// Package app is the panel's composition root: the only package that knows every other. It opens the stores, builds the
// services, joins them by their small interfaces, and starts what lives: listeners, gateway, dispatcher, clock.
package app
