// Package arch holds tests only: they refuse code that does not fit the house. Which package may import which,
// where third-party libraries may appear, how long things may grow, and under which licences we build.
//
// A refusal names the file and the rule. Where the rule is right and the code is right too, the exception goes
// into the list beside the rule, with its reason and who owns it.
package arch
