package cost

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// reread is how often a File looks whether its table has changed.
const reread = 30 * time.Second

// File is a table of prices in a file that may come, change and go at any time, as one of a ConfigMap does. It is safe for
// concurrent use.
type File struct {
	path string
	now  func() time.Time

	mu    sync.Mutex
	read  time.Time
	table *Table
	err   error
}

// NewFile reads nothing yet. An empty path is a file that never exists.
func NewFile(path string, now func() time.Time) *File { return &File{path: path, now: now} }

// Table is what the file says: nil if there is none. With an error it is the last table that could be read.
func (f *File) Table() (*Table, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		return nil, nil
	}
	if now := f.now(); f.read.IsZero() || now.Sub(f.read) >= reread {
		f.read = now
		f.load()
	}
	return f.table, f.err
}

func (f *File) load() {
	content, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.table, f.err = nil, nil
		return
	}
	if err != nil {
		f.err = err
		return
	}
	table, err := Parse(filepath.Base(f.path), bytes.NewReader(content))
	if f.err = err; err == nil {
		f.table = table
	}
}
