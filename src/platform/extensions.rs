//! Values that the app passes to all transactions: functions with which a crate serves the crates
//! that it depends on, and what background jobs need.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

use super::error::{Error, Result};

/// Values by type. A crate that wants to be served declares a struct with a field for each function,
/// so that the app does not compile without one.
#[derive(Clone, Default)]
pub struct Extensions(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Extensions {
    #[must_use]
    pub fn with<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
        self
    }

    /// Returns the value of a type. Fails if the app has not passed it.
    pub fn get<T: Any + Clone>(&self) -> Result<T> {
        let value = self.0.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref::<T>());
        let missing = || Error::internal(format!("the app passes no {}", type_name::<T>()));
        value.cloned().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_type() {
        let extensions = Extensions::default().with(1_u8).with("text").with(2_u8);
        assert_eq!(extensions.get::<u8>().unwrap(), 2);
        assert_eq!(extensions.get::<&str>().unwrap(), "text");
        assert_eq!(extensions.get::<u16>().unwrap_err().code(), "internal");
    }
}
