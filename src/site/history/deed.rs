//! What the log of a site can tell of.

/// Words and list come from one table, so that none is forgotten.
macro_rules! deeds {
    ($($deed:ident $name:literal),* $(,)?) => {
        /// One kind of event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Deed {
            $($deed),*
        }

        impl Deed {
            pub const ALL: &[Deed] = &[$(Deed::$deed),*];

            /// As it stands in the log, for ever.
            pub fn name(self) -> &'static str {
                match self {
                    $(Deed::$deed => $name),*
                }
            }
        }
    };
}

deeds! {
    Adopted "adopted",
    Trusted "trusted",
    Distrusted "distrusted",
    Approved "approved",
    Opened "opened",
    Resumed "resumed",
    Finished "finished",
    RolledBack "rolled-back",
    Committed "committed",
    Closed "closed",
    Reopened "reopened",
    Found "found",
    Accepted "accepted",
    Pruned "pruned",
    Settings "settings",
    Unblocked "unblocked",
}
