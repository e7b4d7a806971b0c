//! What the guards of locks have in common: reaching the value, parts of it, and text.

/// Writes what all guards can do, beside the lock they are of.
///
/// `$guard<'_, T>` has a method `value(&self) -> *mut T`, and its mere existence allows to read what
/// that points at; with `mut`, to write it too.
macro_rules! guard_faces {
    ($guard:ident $(, $mut:ident)?) => {
        impl<T: ?Sized> std::ops::Deref for $guard<'_, T> {
            type Target = T;
            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: a guard exists only while its lock is held.
                unsafe { &*self.value() }
            }
        }

        $(impl<T: ?Sized> std::ops::DerefMut for $guard<'_, T> {
            #[inline]
            fn deref_mut(&mut self) -> &$mut T {
                // SAFETY: as above; and held by this guard alone, which we have by `&mut`.
                unsafe { &mut *self.value() }
            }
        })?

        impl<T: ?Sized + std::fmt::Debug> std::fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + std::fmt::Display> std::fmt::Display for $guard<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

/// Writes `map` and `try_map`: from a guard of the whole to one of a part.
///
/// `$into` takes the guard apart into what the mapped guard keeps of the lock.
macro_rules! guard_maps {
    ($guard:ident, $mapped:ident, ($($ref:tt)+), $example:literal) => {
        impl<'a, T: ?Sized> $guard<'a, T> {
            /// Makes a guard of a part of the value.
            ///
            /// An associated function, so that it does not hide a method of the value.
            ///
            /// # Examples
            /// ```
            #[doc = $example]
            /// ```
            pub fn map<U: ?Sized>(
                this: Self,
                f: impl FnOnce($($ref)+ T) -> $($ref)+ U,
            ) -> $mapped<'a, U> {
                // SAFETY: the guard is the right to use the value, and goes into the new one.
                let part = NonNull::from(f(unsafe { $($ref)+ *this.value() }));
                $mapped::new(this.into_raw(), part)
            }

            /// Makes a guard of a part of the value, if `f` finds one; gives the guard back if not.
            ///
            /// # Errors
            /// The guard itself.
            pub fn try_map<U: ?Sized>(
                this: Self,
                f: impl FnOnce($($ref)+ T) -> Option<$($ref)+ U>,
            ) -> Result<$mapped<'a, U>, Self> {
                // SAFETY: the guard is the right to use the value, and goes into the new one.
                match f(unsafe { $($ref)+ *this.value() }) {
                    None => Err(this),
                    Some(part) => {
                        let part = NonNull::from(part);
                        Ok($mapped::new(this.into_raw(), part))
                    }
                }
            }
        }
    };
}

/// Writes the guard of a part of a value.
macro_rules! mapped_guard {
    ($(#[$doc:meta])* $mapped:ident of $raw:ty, unlocked by $unlock:ident, ($($ref:tt)+), ($($sync:tt)+)) => {
        $(#[$doc])*
        #[must_use = "it unlocks when dropped"]
        pub struct $mapped<'a, T: ?Sized> {
            raw: &'a $raw,
            value: NonNull<T>,
            borrows: PhantomData<$($ref)+ T>,
        }

        // SAFETY: it is a reference to the value, and any thread may unlock.
        unsafe impl<T: ?Sized + $($sync)+> Send for $mapped<'_, T> {}
        // SAFETY: sharing the guard shares the value.
        unsafe impl<T: ?Sized + Sync> Sync for $mapped<'_, T> {}

        impl<'a, T: ?Sized> $mapped<'a, T> {
            /// `value` is made of a reference of the guard's kind, in `map` and `try_map`.
            fn new(raw: &'a $raw, value: NonNull<T>) -> $mapped<'a, T> {
                $mapped {
                    raw,
                    value,
                    borrows: PhantomData,
                }
            }

            #[inline]
            fn value(&self) -> *mut T {
                self.value.as_ptr()
            }

            fn into_raw(self) -> &'a $raw {
                let raw = self.raw;
                mem::forget(self);
                raw
            }
        }

        impl<T: ?Sized> Drop for $mapped<'_, T> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the guard is the proof that the lock is held for us.
                unsafe { self.raw.$unlock() }
            }
        }
    };
}

pub(super) use {guard_faces, guard_maps, mapped_guard};
