//! Values that other modules keep for each device, by type: the device knows nothing of them.

use super::mutex::lock;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Any value that may go where a device may: between threads natively, and nowhere in a browser.
trait Value: Any + wgpu::WasmNotSendSync {}

impl<T: Any + wgpu::WasmNotSendSync> Value for T {}

/// One value for each type that was asked for.
#[derive(Default)]
pub(super) struct Kept {
    values: Mutex<HashMap<TypeId, Box<dyn Value>>>,
}

impl Kept {
    /// The value of type `T`, a default one at the first call.
    pub(super) fn of<T: Default + wgpu::WasmNotSendSync + 'static>(&self) -> Arc<T> {
        let mut values = lock(&self.values);
        let value = values
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Box::new(Arc::<T>::default()));
        let value: &dyn Any = &**value;
        let value = value.downcast_ref::<Arc<T>>();
        Arc::clone(value.expect("values lie under their own types"))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_each_type() {
        let kept = Kept::default();
        *kept.of::<Mutex<u32>>().lock().unwrap() = 7;
        assert_eq!(*kept.of::<Mutex<u32>>().lock().unwrap(), 7);
        assert_eq!(*kept.of::<Mutex<u64>>().lock().unwrap(), 0);
    }
}
