package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/sourceignore"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// prepare puts something local in the place of what can't be had here.
func prepare(root string, incomplete bool) error {
	if incomplete {
		if err := complete(root); err != nil {
			return err
		}
	}
	return replaceRemotes(root)
}

// see copies what a GitRepository's artifact holds of a tree: source-controller's reconcileArtifact with
// storage.SourceIgnoreFilter and Storage.Archive (v1.9.3), which look at each file alone and take no symlink.
func see(from, to string, ignore *string) error {
	domain := strings.Split(from, string(filepath.Separator))
	patterns, err := sourceignore.LoadIgnorePatterns(from, domain)
	if err != nil {
		return err
	}
	if ignore != nil {
		patterns = append(patterns, sourceignore.ReadPatterns(strings.NewReader(*ignore), domain)...)
	}
	matcher := sourceignore.NewDefaultMatcher(patterns, domain)
	if len(patterns) > 0 {
		matcher = sourceignore.NewMatcher(append(sourceignore.VCSPatterns(domain), patterns...))
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || matcher.Match(strings.Split(path, string(filepath.Separator)), false) {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// complete makes an empty file for each one that a generator of a kustomization.yaml names and the tree lacks: the
// corpora hold YAML alone.
func complete(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains(konfig.RecognizedKustomizationFileNames(), entry.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var kustomization types.Kustomization
		if yaml.Unmarshal(content, &kustomization) != nil {
			return nil // the build will say what is wrong with it
		}
		var named []string
		for _, generator := range kustomization.ConfigMapGenerator {
			named = append(append(named, generator.FileSources...), generator.EnvSources...)
		}
		for _, generator := range kustomization.SecretGenerator {
			named = append(append(named, generator.FileSources...), generator.EnvSources...)
		}
		for _, name := range named {
			if _, after, found := strings.Cut(name, "="); found {
				name = after
			}
			file := filepath.Join(filepath.Dir(path), name)
			if _, err := os.Stat(file); err == nil || !strings.HasPrefix(file, root) {
				continue
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// remote is a line of a kustomization.yaml that names a resource or a generator's file elsewhere.
var remote = regexp.MustCompile(`(?m)^(\s*-\s+["']?(?:[\w.-]+=)?)(?:https?://|github\.com/|git@|ssh://)\S*["']?[ \t\r]*$`)

// replaceRemotes puts a namespace in the place of each remote resource, which can't be had here: the other resources of
// its kustomization.yaml can then be built. What is remote holds no release of the tree.
func replaceRemotes(root string) error {
	count := 0
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains(konfig.RecognizedKustomizationFileNames(), entry.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var failed error
		replaced := remote.ReplaceAllFunc(content, func(line []byte) []byte {
			count++
			name := fmt.Sprintf("remote-%d", count)
			namespace := "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name + "\n"
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), name+".yaml"), []byte(namespace), 0o644); err != nil {
				failed = err
			}
			return append(bytes.Trim(remote.FindSubmatch(line)[1], "\"'"), name+".yaml"...)
		})
		if failed != nil || bytes.Equal(replaced, content) {
			return failed
		}
		return os.WriteFile(path, replaced, 0o644)
	})
}

// fileObjects is one YAML file of a tree.
type fileObjects struct {
	Path    string           `json:"path"`
	Objects []map[string]any `json:"objects"`
	Error   string           `json:"error,omitempty"`
}

// read reads every YAML file of a tree with the parser of Kubernetes, for the walk to find its roots in.
func read(root string) ([]fileObjects, error) {
	var files []fileObjects
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		extension := filepath.Ext(path)
		if err != nil || entry.IsDir() || (extension != ".yaml" && extension != ".yml") {
			return err
		}
		name, _ := filepath.Rel(root, path)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file := fileObjects{Path: name, Objects: []map[string]any{}}
		file.Objects, err = documents(content)
		if err != nil {
			file.Error = err.Error()
		}
		files = append(files, file)
		return nil
	})
	return files, err
}

func documents(content []byte) ([]map[string]any, error) {
	objects := []map[string]any{}
	reader := k8syaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if err == io.EOF {
			return objects, nil
		}
		if err != nil {
			return objects, err
		}
		var object map[string]any
		if err := yaml.Unmarshal(document, &object); err != nil {
			return objects, err
		}
		if items, ok := object["items"].([]any); ok && strings.HasSuffix(text(object, "kind"), "List") {
			for _, item := range items {
				if item, ok := item.(map[string]any); ok && isWanted(item) {
					objects = append(objects, item)
				}
			}
		} else if isWanted(object) {
			objects = append(objects, object)
		}
	}
}

func text(object map[string]any, key string) string {
	value, _ := object[key].(string)
	return value
}
