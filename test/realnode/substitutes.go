package realnode

import (
	"fmt"
	"os"
	"path/filepath"
)

// Substitutes are the programs that the environment wants in place of others, both built outside this repository: CRIO in place of
// containerd, CHECKPOINT_AGENT in place of the tests' checkpoint agent. And TRAINING is what the training is written with.
func Substitutes(getenv func(string) string) (Files, error) {
	var files Files
	var err error
	if files.CRIO, err = program("CRIO", getenv("CRIO")); err != nil {
		return Files{}, err
	}
	if files.Agent, err = program("CHECKPOINT_AGENT", getenv("CHECKPOINT_AGENT")); err != nil {
		return Files{}, err
	}
	switch training := getenv("TRAINING"); training {
	case "", "numpy":
	case "torch":
		files.TrainsWith = training
	default:
		return Files{}, fmt.Errorf("TRAINING=%s: use numpy or torch", training)
	}
	if files.CRIO == "" {
		return files, nil
	}
	pinns := filepath.Join(filepath.Dir(files.CRIO), "pinns")
	if _, err := program("CRIO", pinns); err != nil {
		return Files{}, fmt.Errorf("%w: CRI-O needs its pinns in the same folder, where its own build puts both", err)
	}
	return files, nil
}

// program is the absolute path of an executable file that a variable of the environment names, if it does.
func program(variable, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s=%s: %w", variable, path, err)
	}
	info, err := os.Stat(absolute)
	if err != nil {
		return "", fmt.Errorf("%s=%s: %w", variable, path, err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s=%s: this is no executable file", variable, path)
	}
	return absolute, nil
}
