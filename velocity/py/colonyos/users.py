"""Users: the people of a colony, unique by name in it.

Their ids are not unique: what is read by an id is the oldest, what is changed or removed by one is
all that have it.
"""

from __future__ import annotations

from velocity._core.document import Document
from velocity.py.colonyos.store import Store, check_texts, checked, id_or_new, insert_once
from velocity.py.colonyos.types.identity import User
from velocity.py.ids import new_id


class Users(Store):
    """Users of colonies, which need not exist."""

    def add_user(self, user: User) -> None:
        """Add a user; an empty userid gets a new one, on the object, too.

        Raises SchemaError, and DuplicateKeyError when the colony has a user of that name.
        """
        data = self._data
        checked(user, User, "user")
        id = id_or_new(user.userid, "user.userid")
        fields = {
            "colonyname": user.colonyname,
            "userid": id,
            "name": user.name,
            "email": user.email,
            "phone": user.phone,
            "sequence": data.sequence.next(),
        }
        what = f"user {user.name!r} of colony {user.colonyname!r}"
        insert_once(data.users, new_id(), fields, what)
        user.userid = id

    def get_users(self) -> list[User]:
        """The users of all colonies, in the order of adding."""
        return [_user(each) for each in self._data.users.find(sort="sequence")]

    def get_users_by_colony_name(self, colony_name: str) -> list[User]:
        """The users of a colony, in the order of adding."""
        data = self._data
        check_texts(colony_name=colony_name)
        return [_user(each) for each in data.users.find({"colonyname": colony_name}, "sequence")]

    def get_user_by_id(self, colony_name: str, user_id: str) -> User | None:
        """The oldest user of the colony with this id."""
        data = self._data
        check_texts(colony_name=colony_name, user_id=user_id)
        found = data.users.find_one({"userid": user_id, "colonyname": colony_name}, "sequence")
        return None if found is None else _user(found)

    def get_user_by_name(self, colony_name: str, name: str) -> User | None:
        """The user of the colony with this name."""
        data = self._data
        check_texts(colony_name=colony_name, name=name)
        found = data.users.find_one({"colonyname": colony_name, "name": name})
        return None if found is None else _user(found)

    def count_users(self) -> int:
        """The number of users of all colonies."""
        return len(self._data.users)

    def change_user_id(self, colony_name: str, old_user_id: str, new_user_id: str) -> None:
        """Give a user of the colony another id; nothing when none has the old one."""
        data = self._data
        check_texts(colony_name=colony_name, old_user_id=old_user_id, new_user_id=new_user_id)
        data.users.update_where(
            {"userid": old_user_id, "colonyname": colony_name}, {"userid": new_user_id}
        )

    def remove_user_by_id(self, colony_name: str, user_id: str) -> None:
        """Remove the user of the colony with this id, if there is one."""
        data = self._data
        check_texts(colony_name=colony_name, user_id=user_id)
        data.users.delete_where({"userid": user_id, "colonyname": colony_name})

    def remove_user_by_name(self, colony_name: str, name: str) -> None:
        """Remove the user of the colony with this name, if there is one."""
        data = self._data
        check_texts(colony_name=colony_name, name=name)
        data.users.delete_where({"colonyname": colony_name, "name": name})

    def remove_users_by_colony_name(self, colony_name: str) -> None:
        """Remove all users of a colony."""
        data = self._data
        check_texts(colony_name=colony_name)
        data.users.delete_where({"colonyname": colony_name})


def _user(document: Document) -> User:
    return User(
        colonyname=document["colonyname"],
        userid=document["userid"],
        name=document["name"],
        email=document["email"],
        phone=document["phone"],
    )
