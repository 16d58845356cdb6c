"""A job over a two-node cluster of its own, one node of which is killed while it works. Run by test_label_cluster.

Arguments: a folder with videos, the folder for the labels. Prints what came of it as JSON in the last line.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tracker.training import label_cluster
from tracker.training.label_cluster import RayExecutor
from tracker.training.label_job import TaskResult, run_job
from tracker.training.pseudo_labels import LabelSettings

SETTINGS = LabelSettings(teachers=("lucas-kanade",), sampling="corners", points=12, frames=2, min_frames=8)
NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20}


def main(videos: Path, folder: Path) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        second = cluster.add_node(**NODE)
        killed: list[str] = []

        class Watched(label_cluster._Job):
            """Begins when both nodes are ready; the second is killed when its first video is done."""

            def _hand_out(self) -> None:
                if killed or sum(worker.preparing is None for worker in self._workers) == 2:
                    super()._hand_out()

            def _take(self, ref: Any, worker: label_cluster._Hired) -> Iterator[TaskResult]:
                was_task = ref in worker.tasks
                yield from super()._take(ref, worker)
                if was_task and worker.node == second.node_id and not killed:
                    killed.append(worker.node)
                    cluster.remove_node(second, allow_graceful=False)

        label_cluster._Job = Watched  # type: ignore[misc]
        executor = RayExecutor(cluster.address)
        summary = run_job(sorted(videos.iterdir()), SETTINGS, folder, executor)
        told = {"labelled": summary.labelled, "skipped": summary.skipped, "lost": executor.lost, "killed": len(killed)}
        print(json.dumps(told))
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
