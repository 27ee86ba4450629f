package gcefake_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

const instancesPath = "/compute/v1/projects/p/zones/us-central1-a/instances"

// What a client of another make would send: nothing here comes from package gce.
const body = `{"name":"vm-1","machineType":"zones/us-central1-a/machineTypes/n1-standard-4","labels":{"pool":"x"},
	"scheduling":{"provisioningModel":"SPOT","instanceTerminationAction":"STOP","maxRunDuration":{"seconds":"3600"}},
	"disks":[{"boot":true,"initializeParams":{"sourceImage":"projects/p/global/images/i","diskSizeGb":"10","diskType":"zones/us-central1-a/diskTypes/pd-ssd"}}],
	"networkInterfaces":[{"network":"global/networks/default"}],"metadata":{"items":[{"key":"startup-script","value":"join"}]}}`

func do(t *testing.T, h http.Handler, method, target, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	var answer map[string]any
	content, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	if len(content) > 0 && strings.Contains(w.Header().Get("Content-Type"), "json") {
		require.NoError(t, json.Unmarshal(content, &answer), "%s", content)
	}
	return w.Code, answer
}

func TestRawHTTP(t *testing.T) {
	f, clock := newFake()
	h := f.Handler()
	status, op := do(t, h, "POST", instancesPath, body)
	require.Equal(t, 200, status, "%v", op)
	assert.Equal(t, "PENDING", op["status"])
	assert.NotContains(t, op, "startTime")
	assert.IsType(t, "", op["id"], "64-bit integers are strings")
	assert.IsType(t, "", op["targetId"])

	clock.Advance(time.Minute)
	status, vm := do(t, h, "GET", instancesPath+"/vm-1", "")
	require.Equal(t, 200, status)
	assert.Equal(t, "RUNNING", vm["status"])
	assert.Equal(t, map[string]any{"seconds": "3600"}, vm["scheduling"].(map[string]any)["maxRunDuration"])
	assert.NotEmpty(t, vm["metadata"].(map[string]any)["items"], "a get shows metadata, to everybody who may read")

	name, _ := op["name"].(string)
	status, op = do(t, h, "GET", "/compute/v1/projects/p/zones/us-central1-a/operations/"+name, "")
	require.Equal(t, 200, status)
	assert.Equal(t, "DONE", op["status"])

	require.NoError(t, f.PreemptWithoutNotice("vm-1"))
	clock.Advance(time.Minute)
	_, vm = do(t, h, "GET", instancesPath+"/vm-1", "")
	assert.Equal(t, "TERMINATED", vm["status"], "the termination action was STOP")
	_, list := do(t, h, "GET", "/compute/v1/projects/p/zones/us-central1-a/operations?"+url.Values{"filter": {`operationType = "compute.instances.preempted"`}}.Encode(), "")
	require.Len(t, list["items"], 1)
	event := list["items"].([]any)[0].(map[string]any)
	assert.Equal(t, "Instance was preempted.", event["statusMessage"])
	assert.Contains(t, event["name"], "systemevent-")
}

func TestRawHTTPRefusals(t *testing.T) {
	f, _ := newFake()
	h := f.Handler()
	tests := map[string]struct {
		method, target, body string
		status               int
		reason               string
	}{
		"no such VM":         {"GET", instancesPath + "/vm-1", "", 404, "notFound"},
		"no such operation":  {"GET", "/compute/v1/projects/p/zones/us-central1-a/operations/x", "", 404, "notFound"},
		"no such zone":       {"GET", "/compute/v1/projects/p/zones/mars-north1-a/instances", "", 400, "invalid"},
		"no JSON":            {"POST", instancesPath, "{", 400, "invalid"},
		"a field unknown":    {"POST", instancesPath, strings.Replace(body, `"labels"`, `"lables"`, 1), 400, "invalid"},
		"a number for int64": {"POST", instancesPath, strings.Replace(body, `"10"`, `10`, 1), 400, "invalid"},
		"a bad name":         {"POST", instancesPath, strings.Replace(body, `vm-1`, `VM`, 1), 400, "invalid"},
		"no UUID":            {"POST", instancesPath + "?requestId=1", body, 400, "invalid"},
		"two disks":          {"POST", instancesPath, strings.Replace(body, `"disks":[`, `"disks":[{},`, 1), 400, "invalid"},
		"a page too long":    {"GET", instancesPath + "?maxResults=501", "", 400, "invalid"},
		"a filter":           {"GET", instancesPath + "?filter=name+eq+x", "", 400, "invalid"},
		"a page token":       {"GET", instancesPath + "?pageToken=x", "", 400, "invalid"},
		"fields":             {"GET", instancesPath + "?fields=items(name", "", 400, "invalid"},
		"fields of all":      {"GET", "/compute/v1/projects/p/aggregated/instances?fields=,", "", 400, "invalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, answer := do(t, h, tt.method, tt.target, tt.body)
			assert.Equal(t, tt.status, status)
			failure := answer["error"].(map[string]any)
			assert.EqualValues(t, tt.status, failure["code"])
			assert.Equal(t, tt.reason, failure["errors"].([]any)[0].(map[string]any)["reason"])
		})
	}
	assert.Empty(t, f.Instances())
}

// What this fake answers is what is in testdata, but for the names.
func TestRefusalsAreAnsweredAsWritten(t *testing.T) {
	names := strings.NewReplacer("{zone}", "us-central1-a", "{region}", "us-central1", "{instance}", "vm-1")
	for _, refusal := range gcefake.Refusals() {
		t.Run(string(refusal), func(t *testing.T) {
			text, err := os.ReadFile("testdata/refusals/" + string(refusal) + ".json")
			require.NoError(t, err)
			var want struct{ Answer, Operation map[string]any }
			require.NoError(t, json.Unmarshal([]byte(names.Replace(string(text))), &want))

			f, clock := newFake()
			f.When(gcefake.Call{Method: gcefake.Insert}, gcefake.Refuses(refusal))
			status, got := do(t, f.Handler(), "POST", instancesPath, body)
			if want.Answer != nil {
				require.EqualValues(t, status, want.Answer["error"].(map[string]any)["code"])
				require.Equal(t, want.Answer, got)
				return
			}
			require.Equal(t, 200, status)
			clock.Advance(time.Minute)
			name, _ := got["name"].(string)
			_, got = do(t, f.Handler(), "GET", "/compute/v1/projects/p/zones/us-central1-a/operations/"+name, "")
			require.Equal(t, want.Operation["httpErrorStatusCode"], got["httpErrorStatusCode"])
			for i, item := range want.Operation["error"].(map[string]any)["errors"].([]any) {
				require.Subset(t, got["error"].(map[string]any)["errors"].([]any)[i], item)
			}
		})
	}
}

func TestPartialAnswersAreAskedFor(t *testing.T) {
	f, _ := newFake()
	f.When(gcefake.Call{Zone: zone}, gcefake.Partial())
	for _, path := range []string{instancesPath, "/compute/v1/projects/p/aggregated/instances"} {
		status, _ := do(t, f.Handler(), "GET", path, "")
		assert.Equal(t, 503, status)
		status, answer := do(t, f.Handler(), "GET", path+"?returnPartialSuccess=true", "")
		assert.Equal(t, 200, status)
		assert.Contains(t, mustJSON(t, answer), "UNREACHABLE")
	}
}

func TestFieldMask(t *testing.T) {
	f, _ := newFake()
	s := spec("vm-1")
	s.Labels = map[string]string{"pool": "x"}
	insert(t, f, s)
	tests := map[string]struct{ path, fields, want string }{
		"names":        {instancesPath, "items(name),nextPageToken", `{"items":[{"name":"vm-1"}]}`},
		"nested":       {instancesPath, "items(name,scheduling/maxRunDuration/seconds)", `{"items":[{"name":"vm-1","scheduling":{"maxRunDuration":{"seconds":"3600"}}}]}`},
		"whole object": {instancesPath, "items/labels", `{"items":[{"labels":{"pool":"x"}}]}`},
		"any zone":     {"/compute/v1/projects/p/aggregated/instances", "items/*/instances/status", `{"items":{"zones/us-central1-a":{"instances":[{"status":"PROVISIONING"}]},"zones/us-central1-b":{},"zones/us-central1-c":{},"zones/us-west1-b":{}}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, answer := do(t, f.Handler(), "GET", tt.path+"?fields="+url.QueryEscape(tt.fields), "")
			require.Equal(t, 200, status)
			assert.JSONEq(t, tt.want, mustJSON(t, answer))
		})
	}
}

func TestAdmin(t *testing.T) {
	f, clock := newFake()
	h := f.AdminHandler()
	for _, name := range []string{"vm-1", "vm-2", "vm-3", "vm-4"} {
		insert(t, f, spec(name))
	}
	clock.Advance(time.Minute)
	for target, want := range map[string]int{
		"/lab/preempt?instance=vm-1": 200, "/lab/preempt?instance=vm-2&notice=none": 200, "/lab/stop?instance=vm-3": 200,
		"/lab/crash?instance=vm-4": 200, "/lab/preempt?instance=vm-9": 409, "/lab/preempt": 400,
	} {
		status, answer := do(t, h, "POST", target, "")
		assert.Equal(t, want, status, "%s: %v", target, answer)
	}
	_, answer := do(t, h, "GET", "/lab/instances", "")
	var seen []string
	for _, item := range answer["instances"].([]any) {
		vm := item.(map[string]any)
		seen = append(seen, vm["name"].(string)+" "+vm["status"].(string))
	}
	assert.Equal(t, []string{"vm-1 RUNNING", "vm-2 STOPPING", "vm-3 STOPPING"}, seen)
	assert.NotContains(t, mustJSON(t, answer), "join")
	status, _ := do(t, h, "GET", "/lab/preempt?instance=vm-1", "")
	assert.Equal(t, 405, status)
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

var _ gce.Cloud = gcefake.New(gcefake.Config{}).Cloud("p")
