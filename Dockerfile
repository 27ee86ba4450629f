# The image of the hook server and of the node agent: two static binaries, no shell, no root. Builds with plain docker, buildah or podman.
ARG BUILDER_IMAGE=docker.io/library/golang:1.26
# Brings the CA certificates that calls to Google Cloud are checked with; any other base must have them too.
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM ${BUILDER_IMAGE} AS build
WORKDIR /src
# First the modules alone, so that a change of the sources does not download them again.
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd/hooks cmd/hooks
COPY cmd/node-agent cmd/node-agent
COPY hooks hooks
COPY internal internal
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ ./cmd/hooks ./cmd/node-agent

FROM ${BASE_IMAGE}
COPY --from=build /out/hooks /out/node-agent /
# A number, so that kubelet can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/hooks"]
