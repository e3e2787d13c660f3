// The referee for version ranges: reads "constraint TAB version" lines, answers each with one line:
// true, false, CERR (the constraint does not parse) or ERR (the version does not).
// With the argument "compare" it reads "version TAB version" lines and answers -1, 0, 1 or ERR.
// A field in double quotes is a Go string literal, so that a test can pass control characters.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

func field(s string) string {
	if strings.HasPrefix(s, `"`) {
		if t, err := strconv.Unquote(s); err == nil {
			return t
		}
	}
	return s
}

func check(a, b string) string {
	c, err := semver.NewConstraint(a)
	if err != nil {
		return "CERR"
	}
	v, err := semver.NewVersion(b)
	if err != nil {
		return "ERR"
	}
	return strconv.FormatBool(c.Check(v))
}

func compare(a, b string) string {
	x, err := semver.NewVersion(a)
	if err != nil {
		return "ERR"
	}
	y, err := semver.NewVersion(b)
	if err != nil {
		return "ERR"
	}
	return strconv.Itoa(x.Compare(y))
}

func main() {
	answer := check
	if len(os.Args) > 1 && os.Args[1] == "compare" {
		answer = compare
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		a, b, ok := strings.Cut(in.Text(), "\t")
		if !ok {
			fmt.Fprintln(os.Stderr, "line without a tab:", in.Text())
			os.Exit(2)
		}
		fmt.Fprintln(out, answer(field(a), field(b)))
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
