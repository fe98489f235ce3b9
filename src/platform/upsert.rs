//! The update part of an upsert, in which no column can be forgotten.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, QueryId};
use diesel::{Column, QueryResult, Table};

/// An update that sets every column of a table to the value of the refused insertion, except for
/// some. Made by [`all_but`].
pub struct AllBut<T> {
    kept: &'static [&'static str],
    table: PhantomData<T>,
}

/// Updates every column but those `kept`, such as `id`, `created_at` and generated columns. They must
/// exist.
pub fn all_but<T: Table>(kept: &'static [&'static str]) -> AllBut<T> {
    AllBut { kept, table: PhantomData }
}

impl<T: Table<AllColumns: Columns>> AsChangeset for AllBut<T> {
    type Target = T;
    type Changeset = Self;

    fn as_changeset(self) -> Self {
        self
    }
}

impl<T: Table<AllColumns: Columns>> QueryFragment<Pg> for AllBut<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let columns = T::AllColumns::NAMES;
        debug_assert!(self.kept.iter().all(|kept| columns.contains(kept)), "{:?}", self.kept);
        let set = columns.iter().filter(|name| !self.kept.contains(name));
        for (index, name) in set.enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(name)?;
            out.push_sql(" = excluded.");
            out.push_identifier(name)?;
        }
        Ok(())
    }
}

// The columns that are kept are no part of the type.
impl<T> QueryId for AllBut<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// A tuple of columns.
pub trait Columns {
    const NAMES: &'static [&'static str];
}

macro_rules! columns {
    ($first:ident $($rest:ident)*) => {
        impl<$first: Column, $($rest: Column),*> Columns for ($first, $($rest,)*) {
            const NAMES: &'static [&'static str] = &[$first::NAME, $($rest::NAME),*];
        }

        columns!($($rest)*);
    };
    () => {};
}

columns!(A B C D E F G H I J K L M N O P Q R S T U V W X Y Z A2 B2 C2 D2 E2 F2);
