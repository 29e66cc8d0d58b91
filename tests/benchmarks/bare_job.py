"""The same job as a script does it: plain diffusers, warm, no Mezzotint. One job for each line on stdin."""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    folder, out, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    import torch
    from diffusers import DiffusionPipeline

    if threads:
        torch.set_num_threads(threads)
    pipeline = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        began = time.perf_counter()
        for index in range(job["count"]):
            generator = torch.Generator("cpu").manual_seed(job["seed"] + index)
            picture = pipeline(
                job["prompt"],
                num_inference_steps=job["steps"],
                guidance_scale=job["guidance_scale"],
                generator=generator,
            ).images[0]
            picture.save(f"{out}/{index}.png")
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
