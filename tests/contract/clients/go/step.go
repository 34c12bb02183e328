package main

import (
	"errors"
	"fmt"
	"os"

	"contract/optin"
)

var current string

// step names what follows.
func step(name string) {
	if current != "" {
		fmt.Println("ok:", current)
	}
	current = name
}

// nameTheFailedStep ends the program if a step failed.
func nameTheFailedStep() {
	if cause := recover(); cause != nil {
		fmt.Fprintf(os.Stderr, "FAILED: %s: %v\n", current, cause)
		os.Exit(1)
	}
	step("")
}

func check(err error) {
	if body := problemOf(err); body != "" {
		panic(fmt.Sprintf("%v: %.500s", err, body))
	}
	if err != nil {
		panic(err)
	}
}

// problemOf returns the body of an error response, or nothing if the error is another one.
func problemOf(err error) string {
	var problem *optin.GenericOpenAPIError
	if errors.As(err, &problem) {
		return string(problem.Body())
	}
	return ""
}

func assert(holds bool, seen any) {
	if !holds {
		panic(fmt.Sprintf("unexpected: %+v", seen))
	}
}

// must returns the first of a call's results. The last one is an error; the one between, if any, is the response.
func must[T any](result T, rest ...any) T {
	if err, failed := rest[len(rest)-1].(error); failed {
		check(err)
	}
	return result
}
