//! The fleet of the stage: one chart from an HTTP index, one used twice in one file, one from an OCI HelmRepository, one
//! OCIRepository that three releases share, and one chart that the repository's own configuration holds back.

pub const FILES: &[(&str, &str)] = &[
    (
        ".davit/config.yaml",
        "pullRequests:\n  labels: [charts, davit]\npolicy:\n  rules:\n    - {match: {charts: [frozen]}, ignore: [\"*\"]}\n",
    ),
    (
        "sources.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: charts, namespace: flux-system}\n\
         spec: {url: https://charts.example.com}\n---\n\
         apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: oci, namespace: flux-system}\n\
         spec: {type: oci, url: oci://ghcr.io/acme/charts}\n---\n\
         apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\n\
         metadata: {name: app-template, namespace: flux-system}\n\
         spec:\n  url: oci://ghcr.io/acme/charts/app-template\n  ref:\n    tag: 4.4.0 # all of media\n",
    ),
    (
        "apps/web.yaml",
        "# the shop window\r\napiVersion: helm.toolkit.fluxcd.io/v2\r\nkind: HelmRelease\r\n\
         metadata: {name: web, namespace: shop}\r\nspec:\r\n  chart:\r\n    spec:\r\n      chart: web\r\n\
         \x20     version: \"6.5.0\"   # pinned\r\n\
         \x20     sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}\r\n",
    ),
    (
        "apps/cron.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: nightly, namespace: shop}\n\
         spec:\n  chart:\n    spec:\n      chart: cron\n      version: '1.0.0'\n\
         \x20     sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}\n---\n\
         apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: weekly, namespace: shop}\n\
         spec:\n  chart:\n    spec:\n      chart: cron\n      version: 1.0.0\n\
         \x20     sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}",
    ),
    (
        "apps/cache.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: cache, namespace: shop}\n\
         spec:\n  chart:\n    spec:\n      chart: cache\n      version: 18.0.0\n\
         \x20     sourceRef: {kind: HelmRepository, name: oci, namespace: flux-system}\n",
    ),
    (
        "apps/frozen.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: frozen, namespace: shop}\n\
         spec:\n  chart:\n    spec:\n      chart: frozen\n      version: 1.0.0\n\
         \x20     sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}\n",
    ),
    (
        "media/media.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: plex, namespace: media}\n\
         spec:\n  chartRef: {kind: OCIRepository, name: app-template, namespace: flux-system}\n---\n\
         apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: sonarr, namespace: media}\n\
         spec:\n  chartRef: {kind: OCIRepository, name: app-template, namespace: flux-system}\n---\n\
         apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: radarr, namespace: media}\n\
         spec:\n  chartRef: {kind: OCIRepository, name: app-template, namespace: flux-system}\n",
    ),
];
