package gce

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

const scopeCloudPlatform = "https://www.googleapis.com/auth/cloud-platform"

// Credentials say as whom GCE is called. The zero value is the application default credentials of this process:
// Workload Identity, the VM's service account, or gcloud's.
type Credentials struct {
	// ServiceAccountJSON is a Google service account key file. Users supply it, so it is not trusted: any other
	// type of credentials, and any token endpoint but Google's, is refused before anything is called.
	ServiceAccountJSON []byte
}

// String tells credentials apart in logs and shows nothing of them.
func (c Credentials) String() string {
	if len(c.ServiceAccountJSON) == 0 {
		return "application default credentials"
	}
	return "service account key " + c.fingerprint()[:8]
}

// GoString is String, so that %#v shows nothing either.
func (c Credentials) GoString() string { return c.String() }

func (c Credentials) fingerprint() string {
	sum := sha256.Sum256(c.ServiceAccountJSON)
	return hex.EncodeToString(sum[:])
}

type serviceAccountKey struct {
	Type           string `json:"type"`
	ClientEmail    string `json:"client_email"`
	PrivateKey     string `json:"private_key"`
	TokenURI       string `json:"token_uri"`
	UniverseDomain string `json:"universe_domain"`
}

const keyRemedy = "create a key with `gcloud iam service-accounts keys create credentials.json --iam-account=EMAIL` and store that file"

// Validate refuses a key that is not a Google service account's. It calls nobody: whether Google still accepts
// the key is known from the first call alone.
func (c Credentials) Validate() error {
	key, err := c.parse()
	if err != nil || key == nil {
		return err
	}
	if key.ClientEmail == "" {
		return errors.New("credentials have no client_email: " + keyRemedy)
	}
	if !isPrivateKey(key.PrivateKey) {
		return errors.New("credentials have no usable private_key: " + keyRemedy)
	}
	if key.UniverseDomain != "" && key.UniverseDomain != "googleapis.com" {
		return fmt.Errorf("credentials of universe_domain %q: only googleapis.com is supported", key.UniverseDomain)
	}
	return validateTokenURI(key.TokenURI)
}

// parse returns nil for the default credentials, and refuses all but the form of a service account's key.
func (c Credentials) parse() (*serviceAccountKey, error) {
	if len(c.ServiceAccountJSON) == 0 {
		return nil, nil
	}
	var key serviceAccountKey
	// The decoder's error would quote what it stumbled over.
	if json.Unmarshal(c.ServiceAccountJSON, &key) != nil {
		return nil, errors.New("credentials are not a JSON object: " + keyRemedy)
	}
	if key.Type != string(credentials.ServiceAccount) {
		return nil, fmt.Errorf("credentials of type %q: only service_account is accepted; %s", key.Type, keyRemedy)
	}
	return &key, nil
}

// validateTokenURI accepts the endpoints that Google has written into key files. The private key signs whatever
// is sent there, from inside the cluster.
func validateTokenURI(uri string) error {
	hosts := []string{"oauth2.googleapis.com", "www.googleapis.com", "accounts.google.com"}
	u, err := url.Parse(uri)
	if uri == "" || err == nil && u.Scheme == "https" && u.User == nil && slices.Contains(hosts, u.Host) {
		return nil
	}
	return fmt.Errorf("credentials with token_uri %q: only https://oauth2.googleapis.com/token is accepted; %s", uri, keyRemedy)
}

func isPrivateKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(block.Bytes)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(block.Bytes)
	return pkcs8 == nil || pkcs1 == nil
}

// detect turns credentials into a source of tokens, which fetches the first one with the first call.
func (c Credentials) detect() (*auth.Credentials, error) {
	options := &credentials.DetectOptions{Scopes: []string{scopeCloudPlatform}}
	if len(c.ServiceAccountJSON) == 0 {
		found, err := credentials.DetectDefault(options)
		if err != nil {
			return nil, fmt.Errorf("no application default credentials: set gcpCredentialsSecretRef to a Secret with a service account key, or run with Workload Identity: %w", err)
		}
		return found, nil
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	// NewCredentialsFromJSON enforces the type; the client library's own JSON options do not.
	return credentials.NewCredentialsFromJSON(credentials.ServiceAccount, c.ServiceAccountJSON, options)
}

// DefaultProject is the project that the application default credentials name: that of the key file, or of the VM or cluster that
// this process runs in.
func DefaultProject(ctx context.Context) (string, error) {
	found, err := Credentials{}.detect()
	if err != nil {
		return "", err
	}
	project, err := found.ProjectID(ctx)
	if err != nil {
		return "", fmt.Errorf("project of the application default credentials: %w", err)
	}
	if project == "" {
		return "", errors.New("the application default credentials name no project")
	}
	return project, nil
}
