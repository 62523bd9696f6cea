"""Write a LightGBM model file as MLflow's own flavour: `python mlflow_model.py MODEL.txt FOLDER`."""

import sys

import lightgbm
import mlflow.lightgbm

if __name__ == "__main__":
    mlflow.lightgbm.save_model(lightgbm.Booster(model_file=sys.argv[1]), sys.argv[2])
