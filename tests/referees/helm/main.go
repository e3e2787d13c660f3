// What Helm makes of a chart's archive and of a kubeVersion, and what Flux calls the release and the chart of a
// HelmRelease. One JSON question a line on stdin, one answer a line on stdout.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"os"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

type question struct {
	// A chart's archive to load, in base64.
	Archive []byte `json:"archive"`
	// Pairs of a kubeVersion and a cluster's version.
	Pairs [][2]string `json:"pairs"`
	// A HelmRelease whose names are asked for.
	Release *helmv2.HelmRelease `json:"release"`
}

type answer struct {
	Error string `json:"error,omitempty"`
	// Of an archive: what its Chart.yaml says.
	Name        string `json:"name,omitempty"`
	Version     string `json:"version,omitempty"`
	KubeVersion string `json:"kubeVersion,omitempty"`
	// Of each pair: whether Helm would install.
	Compatible []bool `json:"compatible,omitempty"`
	// Of a HelmRelease.
	ReleaseName      string `json:"releaseName,omitempty"`
	ReleaseNamespace string `json:"releaseNamespace,omitempty"`
	HelmChartName    string `json:"helmChartName,omitempty"`
}

func main() {
	log.SetOutput(io.Discard) // the loader warns there
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) == 0 {
			return
		}
		if err := out.Encode(answered(line)); err != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

func answered(line []byte) answer {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: "no question: " + err.Error()}
	}
	switch {
	case asked.Release != nil:
		r := asked.Release
		return answer{
			ReleaseName: r.GetReleaseName(), ReleaseNamespace: r.GetReleaseNamespace(), HelmChartName: r.GetHelmChartName(),
		}
	case asked.Pairs != nil:
		compatible := make([]bool, len(asked.Pairs))
		for i, pair := range asked.Pairs {
			compatible[i] = chartutil.IsCompatibleRange(pair[0], pair[1])
		}
		return answer{Compatible: compatible}
	default:
		chart, err := loader.LoadArchive(bytes.NewReader(asked.Archive))
		if err != nil {
			return answer{Error: err.Error()}
		}
		m := chart.Metadata
		return answer{Name: m.Name, Version: m.Version, KubeVersion: m.KubeVersion}
	}
}
