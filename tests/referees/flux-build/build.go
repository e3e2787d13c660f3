package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/fluxcd/pkg/kustomize"
	securefs "github.com/fluxcd/pkg/kustomize/filesys"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
)

// build does what KustomizationReconciler.generate and .build of kustomize-controller do (v1.9), without decryption and
// without remote bases: WriteFile, SecureBuild, then SubstituteVariables on each resource where spec.postBuild is set.
func build(asked request) (objects []map[string]any, err error) {
	k := unstructured.Unstructured{Object: asked.Kustomization}
	path, _, _ := unstructured.NestedString(k.Object, "spec", "path")
	dir, err := securejoin.SecureJoin(asked.Root, path)
	if err != nil {
		return nil, err
	}
	generator := kustomize.NewGenerator(asked.Root, k)
	action, err := generator.WriteFile(dir, kustomize.WithSaveOriginalKustomization())
	if err != nil {
		return nil, err
	}
	defer func() {
		if cleaned := kustomize.CleanDirectory(dir, action); err == nil && cleaned != nil {
			err = cleaned
		}
	}()
	built, err := run(asked.Root, dir, asked.Quick)
	if err != nil {
		return nil, fmt.Errorf("kustomize build failed: %w", err)
	}
	postBuild, found, _ := unstructured.NestedFieldNoCopy(k.Object, "spec", "postBuild")
	cluster := fakeCluster{objects: asked.Variables}
	strategy, _, _ := unstructured.NestedString(k.Object, "spec", "postBuild", "substituteStrategy")
	for _, resource := range built.Resources() {
		if resource.GetName() == "" || resource.GetKind() == "" || resource.GetApiVersion() == "" {
			return nil, fmt.Errorf("failed to decode Kubernetes apiVersion, kind and name from: %v", resource.String())
		}
		if !found || postBuild == nil {
			continue
		}
		substituted, err := kustomize.SubstituteVariables(context.Background(), cluster, k, resource,
			kustomize.SubstituteWithStrict(asked.Strict), kustomize.SubstituteWithAlways(strategy == "Always"))
		if err != nil {
			return nil, fmt.Errorf("post build failed for '%s/%s': %w", resource.GetGvk(), resource.GetName(), err)
		}
		if substituted != nil {
			if _, err := built.Replace(resource); err != nil {
				return nil, err
			}
		}
	}
	return wanted(built)
}

// run is kustomize.SecureBuild. Quick takes the same options and file system, but leaves out its reset of kustomize's
// global OpenAPI schema (0.2 s a build): it only matters where a kustomization.yaml names a schema of its own.
func run(root, dir string, quick bool) (built resmap.ResMap, err error) {
	if !quick {
		return kustomize.SecureBuild(root, dir, false)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered from kustomize build panic: %v", r)
		}
	}()
	fs, err := securefs.MakeFsOnDiskSecure(root)
	if err != nil {
		return nil, err
	}
	options := &krusty.Options{LoadRestrictions: types.LoadRestrictionsNone, PluginConfig: types.DisabledPluginConfig()}
	return krusty.MakeKustomizer(options).Run(fs, dir)
}

// groups of the objects that say where a chart comes from.
var groups = []string{
	"helm.toolkit.fluxcd.io",
	"source.toolkit.fluxcd.io",
	"kustomize.toolkit.fluxcd.io",
	"source.extensions.fluxcd.io",
	"fluxcd.controlplane.io",
}

func isWanted(object map[string]any) bool {
	version, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	if version == "v1" {
		return kind == "ConfigMap" || kind == "Secret"
	}
	group, _, _ := strings.Cut(version, "/")
	return slices.Contains(groups, group)
}

func wanted(built resmap.ResMap) ([]map[string]any, error) {
	objects := []map[string]any{}
	for _, resource := range built.Resources() {
		object, err := resource.Map()
		if err != nil {
			return nil, err
		}
		if isWanted(object) {
			objects = append(objects, object)
		}
	}
	return objects, nil
}
