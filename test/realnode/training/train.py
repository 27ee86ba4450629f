"""train.py: a small training whose loss at every step is known in advance, because nothing in it is left to chance.

All that it has learnt is in memory alone: weights, momentum, the state of the generator that draws the batches. So its curve goes on
undisturbed after a preemption only if the process itself goes on. Every step is a line:

    step 17 loss 0.4831929147321981 boot afc7c5df

boot is drawn once, when the process starts: it tells whose memory a restored process has.

It keeps pace with the clock: a step every STEP_SECONDS from the start of the process on, and where a busy machine made it late, it catches
up. So what it has trained is what the operator reckons, which knows nothing but how long a container has run.

In the environment: TRAINS_WITH, what it is written with: numpy (the default), or torch; STEP_SECONDS, how long a step takes (FAST=1: as
long as it must); TRAIN_SECONDS, after how many seconds' worth of steps the training is done (none: never); FAIL_AFTER, after how many it
crashes; SIGTERM=exit0 for a program that exits 0 when it is told to end; MEGABYTES of memory that it holds besides; HOLDS, a function of
holds.py that makes something else to hold.
"""
import os
import signal
import sys
import time

import numpy as np


def number(name, default):
    text = os.environ.get(name, "")
    return float(text) if text else default


class Network:
    """Two layers that learn to tell two spirals apart."""

    def __init__(self):
        self.random = np.random.default_rng(7)
        turn = np.linspace(0.5, 3.0, 200)
        arm = np.stack([turn * np.cos(2 * turn), turn * np.sin(2 * turn)], axis=1)
        self.points = np.concatenate([arm, -arm])
        self.labels = np.concatenate([np.ones(200), np.zeros(200)])
        self.weights = [self.random.normal(size=(2, 24)), np.zeros(24), self.random.normal(size=24) / 5, np.zeros(1)]
        self.momentum = [np.zeros_like(w) for w in self.weights]

    def forward(self, points):
        hidden = np.tanh(points @ self.weights[0] + self.weights[1])
        return hidden, 1 / (1 + np.exp(-(hidden @ self.weights[2] + self.weights[3])))

    def loss(self):
        _, said = self.forward(self.points)
        said = np.clip(said, 1e-12, 1 - 1e-12)
        return -float(np.mean(self.labels * np.log(said) + (1 - self.labels) * np.log(1 - said)))

    def step(self):
        batch = self.random.integers(0, len(self.points), 64)
        points, labels = self.points[batch], self.labels[batch]
        hidden, said = self.forward(points)
        wrong = (said - labels) / len(batch)
        back = np.outer(wrong, self.weights[2]) * (1 - hidden**2)
        for i, gradient in enumerate([points.T @ back, back.sum(0), hidden.T @ wrong, np.array([wrong.sum()])]):
            self.momentum[i] = 0.9 * self.momentum[i] - 0.1 * gradient
            self.weights[i] = self.weights[i] + self.momentum[i]


class TorchNetwork:
    """The same with PyTorch's own modules, optimizer and generators: another curve, and known in advance as well."""

    def __init__(self):
        import torch

        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(7)
        self.torch, data = torch, Network()
        self.points, self.labels = torch.from_numpy(data.points), torch.from_numpy(data.labels)
        self.net = torch.nn.Sequential(torch.nn.Linear(2, 24), torch.nn.Tanh(), torch.nn.Linear(24, 1), torch.nn.Flatten(0))
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)

    def loss_of(self, points, labels):
        return self.torch.nn.functional.binary_cross_entropy_with_logits(self.net(points), labels)

    def loss(self):
        with self.torch.no_grad():
            return self.loss_of(self.points, self.labels).item()

    def step(self):
        batch = self.torch.randint(len(self.points), (64,))
        self.optimizer.zero_grad()
        self.loss_of(self.points[batch], self.labels[batch]).backward()
        self.optimizer.step()


def process_start():
    """When this process started, in seconds since the machine did. A process that was restored from a checkpoint started when it was restored."""
    with open("/proc/self/stat") as file:
        return int(file.read().rsplit(")")[-1].split()[19]) / os.sysconf("SC_CLK_TCK")


NETWORKS = {"numpy": Network, "torch": TorchNetwork}


def main():
    step_seconds = number("STEP_SECONDS", 0.2)
    code = 0 if os.environ.get("SIGTERM") == "exit0" else 143
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
    ballast = bytearray(os.urandom(1 << 20) * int(number("MEGABYTES", 0)))
    boot, network, step = os.urandom(4).hex(), NETWORKS[os.environ.get("TRAINS_WITH") or "numpy"](), 0
    use = __import__("holds").__dict__[os.environ["HOLDS"]]() if os.environ.get("HOLDS") else lambda: None
    started, before = 0.0, 0  # when this process started, and how many steps it had behind it then
    progress = open("/tmp/progress", "w")  # in the container's own layer, which is part of a checkpoint
    while True:
        network.step()
        use()
        step += 1
        print(f"step {step} loss {network.loss()!r} boot {boot}", flush=True)
        progress.seek(0)
        progress.write(f"{step * step_seconds:.3f}\n")
        progress.flush()
        if 0 < number("TRAIN_SECONDS", 0) <= step * step_seconds + 1e-9:
            print("trained", flush=True)
            del ballast
            return 0
        if 0 < number("FAIL_AFTER", 0) <= step * step_seconds + 1e-9:
            return 1
        if not os.environ.get("FAST"):
            if started != process_start():
                started, before = process_start(), step - 1
            time.sleep(max(0, started + (step - before) * step_seconds - time.clock_gettime(time.CLOCK_BOOTTIME)))


sys.exit(main())
