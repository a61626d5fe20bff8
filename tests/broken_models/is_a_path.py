"""The name of the model file, in place of the model."""

MODEL = "/home/user/model.pkl"
