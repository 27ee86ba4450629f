package gce_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestCredentials(t *testing.T) {
	var contacted atomic.Int32
	trap := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacted.Add(1) }))
	t.Cleanup(trap.Close)
	key := privateKey(t)

	tests := map[string]struct {
		change map[string]any
		raw    string // in place of a changed key
		want   string // in the error; empty: accepted
	}{
		"a service account's key":                 {},
		"a key without token_uri":                 {change: map[string]any{"token_uri": ""}},
		"an old key":                              {change: map[string]any{"token_uri": "https://accounts.google.com/o/oauth2/token"}},
		"a token endpoint of somebody else":       {change: map[string]any{"token_uri": trap.URL}, want: "token_uri"},
		"a token endpoint that only looks right":  {change: map[string]any{"token_uri": "https://oauth2.googleapis.com.evil.example/token"}, want: "token_uri"},
		"a token endpoint behind a user name":     {change: map[string]any{"token_uri": "https://oauth2.googleapis.com@evil.example/token"}, want: "token_uri"},
		"a token endpoint with a user name":       {change: map[string]any{"token_uri": "https://me@oauth2.googleapis.com/token"}, want: "token_uri"},
		"a token endpoint on another port":        {change: map[string]any{"token_uri": "https://oauth2.googleapis.com:8443/token"}, want: "token_uri"},
		"a token endpoint without encryption":     {change: map[string]any{"token_uri": "http://oauth2.googleapis.com/token"}, want: "token_uri"},
		"the metadata server as a token endpoint": {change: map[string]any{"token_uri": "http://169.254.169.254/token"}, want: "token_uri"},
		"another universe":                        {change: map[string]any{"universe_domain": "evil.example"}, want: "universe_domain"},
		"a user's credentials":                    {change: map[string]any{"type": "authorized_user"}, want: `type "authorized_user"`},
		"no type":                                 {change: map[string]any{"type": ""}, want: `type ""`},
		"no email":                                {change: map[string]any{"client_email": ""}, want: "client_email"},
		"no private key":                          {change: map[string]any{"private_key": "abc"}, want: "private_key"},
		"no JSON":                                 {raw: "s3cret", want: "not a JSON object"},
		"a workload identity federation": {
			raw: fmt.Sprintf(`{"type":"external_account","audience":"a","subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":%q,"credential_source":{"url":%q}}`, trap.URL, trap.URL), want: `type "external_account"`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file := map[string]any{
				"type": "service_account", "project_id": "acme-train", "private_key_id": "1", "private_key": key,
				"client_email": "trainer@acme-train.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
			}
			maps.Copy(file, tt.change)
			content, err := json.Marshal(file)
			require.NoError(t, err)
			if tt.raw != "" {
				content = []byte(tt.raw)
			}
			creds := gce.Credentials{ServiceAccountJSON: content}
			_, err = gce.Dial("acme-train", creds, gce.Options{})
			assert.Zero(t, contacted.Load())
			if tt.want == "" {
				assert.NoError(t, err)
				assert.NoError(t, creds.Validate())
				return
			}
			assert.Equal(t, gce.Forbidden, gce.KindOf(err))
			assert.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "s3cret")
			assert.ErrorContains(t, creds.Validate(), tt.want)
		})
	}
}

func TestDefaultCredentialsThatAreMissing(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", t.TempDir()+"/absent.json")
	_, err := gce.Dial("acme-train", gce.Credentials{}, gce.Options{})
	assert.Equal(t, gce.Forbidden, gce.KindOf(err))
	assert.ErrorContains(t, err, "set gcpCredentialsSecretRef")
	assert.NoError(t, gce.Credentials{}.Validate(), "whether there are any is not a matter of form")
}

func TestCredentialsShowNothing(t *testing.T) {
	creds := gce.Credentials{ServiceAccountJSON: []byte(`{"private_key":"s3cret"}`)}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, creds.String(), fmt.Sprintf(format, creds))
	}
	assert.NotContains(t, creds.String(), "s3cret")
	assert.Equal(t, "application default credentials", gce.Credentials{}.String())
}

func TestCredentialsOfAFake(t *testing.T) {
	opts := gce.Options{Endpoint: "http://127.0.0.1:1"}
	_, err := gce.Dial("acme-train", gce.Credentials{ServiceAccountJSON: []byte(`{"type":"service_account"}`)}, opts)
	assert.NoError(t, err)
	_, err = gce.Dial("acme-train", gce.Credentials{ServiceAccountJSON: []byte(`{"type":"authorized_user"}`)}, opts)
	assert.Equal(t, gce.Forbidden, gce.KindOf(err))
}

func TestDialRefusesProjects(t *testing.T) {
	for _, project := range []string{"", "../other", "a b", "p/zones/z", "P"} {
		_, err := gce.Dial(project, gce.Credentials{}, gce.Options{Endpoint: "http://127.0.0.1:1"})
		assert.Equal(t, gce.Invalid, gce.KindOf(err), project)
	}
	for _, project := range []string{"acme-train-1", "example.com:legacy", "123456789"} {
		assert.NoError(t, gce.ValidateProject(project))
	}
}

func TestDefaultProjectIsThatOfTheApplicationDefaultCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.json")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	content, err := json.Marshal(map[string]any{
		"type": "service_account", "project_id": "acme-train", "private_key_id": "1", "private_key": privateKey(t),
		"client_email": "trainer@acme-train.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	project, err := gce.DefaultProject(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "acme-train", project)

	require.NoError(t, os.Remove(file))
	_, err = gce.DefaultProject(t.Context())
	assert.ErrorContains(t, err, "no application default credentials")
}
