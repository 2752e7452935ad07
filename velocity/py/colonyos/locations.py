"""Locations: where executors run, unique by name in their colony.

Their ids are not unique: what is read by an id is the oldest, what is removed by one is all that
have it.
"""

from __future__ import annotations

from velocity._core.document import Document
from velocity.py.colonyos.store import Store, check_texts, checked, id_or_new, insert_once
from velocity.py.colonyos.types.identity import Location
from velocity.py.ids import new_id


class Locations(Store):
    """Locations of colonies, which need not exist."""

    def add_location(self, location: Location) -> None:
        """Add a location; an empty locationid gets a new one, on the object, too.

        Raises SchemaError, and DuplicateKeyError when the colony has a location of that name.
        """
        data = self._data
        checked(location, Location, "location")
        id = id_or_new(location.locationid, "location.locationid")
        fields = {
            "locationid": id,
            "name": location.name,
            "colonyname": location.colonyname,
            "description": location.description,
            "long": location.long,
            "lat": location.lat,
            "sequence": data.sequence.next(),
        }
        what = f"location {location.name!r} of colony {location.colonyname!r}"
        insert_once(data.locations, new_id(), fields, what)
        location.locationid = id

    def get_locations_by_colony_name(self, colony_name: str) -> list[Location]:
        """The locations of a colony, in the order of adding."""
        data = self._data
        check_texts(colony_name=colony_name)
        found = data.locations.find({"colonyname": colony_name}, "sequence")
        return [_location(each) for each in found]

    def get_location_by_id(self, location_id: str) -> Location | None:
        """The oldest location with this id, of any colony."""
        data = self._data
        check_texts(location_id=location_id)
        found = data.locations.find_one({"locationid": location_id}, "sequence")
        return None if found is None else _location(found)

    def get_location_by_name(self, colony_name: str, name: str) -> Location | None:
        """The location of the colony with this name."""
        data = self._data
        check_texts(colony_name=colony_name, name=name)
        found = data.locations.find_one({"colonyname": colony_name, "name": name})
        return None if found is None else _location(found)

    def remove_location_by_id(self, location_id: str) -> None:
        """Remove the location with this id, if there is one."""
        data = self._data
        check_texts(location_id=location_id)
        data.locations.delete_where({"locationid": location_id})

    def remove_location_by_name(self, colony_name: str, name: str) -> None:
        """Remove the location of the colony with this name, if there is one."""
        data = self._data
        check_texts(colony_name=colony_name, name=name)
        data.locations.delete_where({"colonyname": colony_name, "name": name})

    def remove_locations_by_colony_name(self, colony_name: str) -> None:
        """Remove all locations of a colony."""
        data = self._data
        check_texts(colony_name=colony_name)
        data.locations.delete_where({"colonyname": colony_name})


def _location(document: Document) -> Location:
    return Location(
        locationid=document["locationid"],
        name=document["name"],
        colonyname=document["colonyname"],
        description=document["description"],
        long=document["long"],
        lat=document["lat"],
    )
