"""A Ray Serve deployment with one replica: `python ray_order.py MODEL.txt PORT`."""

import sys
import threading
from typing import Any

import lightgbm
import numpy as np
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=100)
class Order:
    """Answers rows with probabilities."""

    def __init__(self, text: str) -> None:
        self.booster = lightgbm.Booster(model_file=text)

    async def __call__(self, request: Request) -> Any:
        """Predict each row."""
        rows = (await request.json())["rows"]
        return self.booster.predict(np.asarray(rows)).tolist()


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Order.bind(sys.argv[1]), route_prefix="/predict")
    threading.Event().wait()
