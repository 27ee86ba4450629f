package realnode

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/checkpoint-restore/go-criu/v7/stats"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// registryOf is a registry as VMs have it, and its host:port.
func registryOf(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(newRegistry(t.TempDir()))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestImagesAreFoundWhateverRegistryTheyName(t *testing.T) {
	address := registryOf(t)
	image := Files{Python: layerOf(t), TrainsWith: "torch"}.Training("docker.io/acme/resnet:v1")
	require.NoError(t, image.Push(address))

	target, err := InRegistry(address, "docker.io/acme/resnet:v1")
	require.NoError(t, err)
	assert.Equal(t, address+"/acme/resnet:v1", target.String(), "a VM asks its mirror for the path alone")
	pulled, err := remote.Image(target)
	require.NoError(t, err)
	config, err := pulled.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, []string{"python", "/train.py"}, config.Config.Entrypoint)
	assert.Contains(t, config.Config.Env, "TRAINS_WITH=torch", "whatever command a template has")
	assert.Len(t, config.RootFS.DiffIDs, 2)
	trained, err := Trained(address, "docker.io/acme/resnet:v1")
	require.NoError(t, err)
	assert.Zero(t, trained, "a template holds no training")
	_, err = Trained(address, "docker.io/acme/resnet:v2")
	assert.Error(t, err, "nobody pushed it")
}

func TestTrainingInACheckpointIsReadFromTheContainersOwnLayer(t *testing.T) {
	address := registryOf(t)
	changes, err := tarOf(map[string][]byte{"tmp/progress": []byte("12.400\n12.2\n")})
	require.NoError(t, err)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(changes)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for name, changes := range map[string][]byte{crioAnnotation: changes, containerdAnnotation: packed.Bytes()} {
		pushCheckpoint(t, address, "docker.io/acme/checkpoints:"+name, name, changes)
		trained, err := Trained(address, "docker.io/acme/checkpoints:"+name)
		require.NoError(t, err)
		assert.Equal(t, 12400*time.Millisecond, trained, name)
	}
}

// A kubelet calls a container Running seconds before Python is ready, and a checkpoint may be of that moment.
func TestACheckpointOfAProgramThatHasNotBegunHoldsNoTraining(t *testing.T) {
	address := registryOf(t)
	for tag, files := range map[string]map[string][]byte{"no-file": {"tmp/other": []byte("1")}, "empty-file": {"tmp/progress": nil}} {
		changes, err := tarOf(files)
		require.NoError(t, err)
		pushCheckpoint(t, address, "docker.io/acme/checkpoints:"+tag, containerdAnnotation, changes)
		trained, err := Trained(address, "docker.io/acme/checkpoints:"+tag)
		require.NoError(t, err, tag)
		assert.Zero(t, trained, tag)
	}
}

func pushCheckpoint(t *testing.T, address, name, annotation string, changes []byte) {
	t.Helper()
	archive := archiveOf(t, map[string][]byte{"config.dump": []byte("{}"), "rootfs-diff.tar": changes, "stats-dump": statsOf(t, 1_500, 160_000)})
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(archive, types.OCIUncompressedLayer))
	require.NoError(t, err)
	annotated, ok := mutate.Annotations(image, map[string]string{annotation: "trainer"}).(v1.Image)
	require.True(t, ok)
	require.NoError(t, push(address, name, annotated))
}

// statsOf is what CRIU writes down of a dump, as it does.
func statsOf(t *testing.T, freezing, frozen uint32) []byte {
	t.Helper()
	entry, err := proto.Marshal(&stats.StatsEntry{Dump: &stats.DumpStatsEntry{
		FreezingTime: &freezing, FrozenTime: &frozen, MemdumpTime: new(uint32), MemwriteTime: new(uint32), PagesScanned: new(uint64), PagesSkippedParent: new(uint64), PagesWritten: new(uint64), PagesLazy: new(uint64),
	}})
	require.NoError(t, err)
	var file []byte
	for _, word := range []uint32{stats.ImgServiceMagic, stats.StatsMagic, uint32(len(entry))} {
		file = binary.LittleEndian.AppendUint32(file, word)
	}
	return append(file, entry...)
}

func TestHowLongAContainerWasFrozenIsReadFromTheCheckpoint(t *testing.T) {
	address := registryOf(t)
	const image = "docker.io/acme/checkpoints:frozen"
	pushCheckpoint(t, address, image, containerdAnnotation, archiveOf(t, nil))
	frozen, err := Frozen(address, image)
	require.NoError(t, err)
	assert.Equal(t, 161_500*time.Microsecond, frozen)

	require.NoError(t, Files{Python: layerOf(t)}.Training("docker.io/acme/resnet:v1").Push(address))
	_, err = Frozen(address, "docker.io/acme/resnet:v1")
	assert.ErrorContains(t, err, "is no checkpoint")
}

// layerOf is a file with a layer of an image.
func layerOf(t *testing.T) string {
	t.Helper()
	layer := filepath.Join(t.TempDir(), "layer.tar")
	content, err := tarOf(map[string][]byte{"/usr/bin/python": []byte("interpreter")})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(layer, content, 0o600))
	return layer
}

func archiveOf(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for name, data := range files {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o600, Size: int64(len(data))}))
		_, err := w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return content.Bytes()
}
