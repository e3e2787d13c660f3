// The referee for "which value is in force": it builds one Flux Kustomization with the library that
// kustomize-controller itself runs (github.com/fluxcd/pkg/kustomize), and answers with the objects that the controller
// would apply. It decides nothing: which Kustomization is built with which ConfigMaps is the caller's walk.
//
// One request per line of stdin, one answer per line of stdout, both JSON. It writes into the directories it is given:
// give it copies.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// request is one line of stdin.
type request struct {
	// Op is prepare, see, read, build or artifact.
	Op string `json:"op"`
	// Root is the directory of the source, as kustomize-controller unpacks it.
	Root string `json:"root"`
	// Incomplete says that the tree lacks files that are not YAML (prepare).
	Incomplete bool `json:"incomplete"`
	// To is where the files of an artifact go (see).
	To string `json:"to"`
	// Ignore is the GitRepository's spec.ignore (see).
	Ignore *string `json:"ignore"`
	// Kustomization is the object as it lies in the cluster (build).
	Kustomization map[string]any `json:"kustomization"`
	// Variables are the ConfigMaps and Secrets of the cluster (build, substituteFrom).
	Variables []map[string]any `json:"variables"`
	// Strict is kustomize-controller's feature gate StrictPostBuildSubstitutions (build).
	Strict bool `json:"strict"`
	// Quick keeps kustomize's parsed OpenAPI schema between builds (build; see build.go).
	Quick bool `json:"quick"`
	// Sources are the directories of an ArtifactGenerator's sources by alias (artifact).
	Sources map[string]string `json:"sources"`
	// Copy is the list of an OutputArtifact (artifact).
	Copy []copyOperation `json:"copy"`
}

// answer is one line of stdout.
type answer struct {
	Objects []map[string]any `json:"objects,omitempty"`
	Files   []fileObjects    `json:"files,omitempty"`
	Error   string           `json:"error,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := out.Encode(serve(line)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if err != nil {
			return
		}
	}
}

func serve(line []byte) (reply answer) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: "request: " + err.Error()}
	}
	var err error
	switch asked.Op {
	case "prepare":
		err = prepare(asked.Root, asked.Incomplete)
	case "see":
		err = see(asked.Root, asked.To, asked.Ignore)
	case "read":
		reply.Files, err = read(asked.Root)
	case "build":
		reply.Objects, err = build(asked)
	case "artifact":
		err = compose(asked.Root, asked.Copy, asked.Sources)
	default:
		err = fmt.Errorf("unknown op %q", asked.Op)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return reply
}
