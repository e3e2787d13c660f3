package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fakeCluster holds ConfigMaps and Secrets: all that LoadVariables of the library asks a cluster for.
type fakeCluster struct {
	client.Client // no other call is answered
	objects       []map[string]any
}

// Get decodes strictly, as the API server does: a value that is no string is an error. stringData becomes data.
func (c fakeCluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	kind, resource := "ConfigMap", "configmaps"
	if _, secret := into.(*corev1.Secret); secret {
		kind, resource = "Secret", "secrets"
	}
	for _, object := range c.objects {
		metadata, _ := object["metadata"].(map[string]any)
		if object["kind"] != kind || metadata["namespace"] != key.Namespace || metadata["name"] != key.Name {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, into); err != nil {
			return fmt.Errorf("%s %s: %w", kind, key, err)
		}
		if secret, ok := into.(*corev1.Secret); ok {
			for name, text := range secret.StringData {
				if secret.Data == nil {
					secret.Data = map[string][]byte{}
				}
				secret.Data[name] = []byte(text)
			}
		}
		return nil
	}
	return errors.NewNotFound(schema.GroupResource{Resource: resource}, key.Name)
}
