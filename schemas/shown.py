"""What the hub shows its readers; `make schemas` writes the client's types from it."""

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.catalogue import Catalogue
from schemas.events import Event
from schemas.history import History
from schemas.plate_read import PlateRead
from schemas.space import Space

SHOWN: tuple[type[BaseModel], ...] = (Event, Space, History, Catalogue, PlateRead)

_, SCHEMA = models_json_schema([(model, "serialization") for model in SHOWN])
