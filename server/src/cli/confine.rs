//! What the process gives up before it does anything else, and for good: its memory is for nobody else to read, its files
//! are its owner's alone.

use std::io;

use rustix::{
    fs::Mode,
    process::{Resource, Rlimit, setrlimit, umask},
};

/// Gives it up. The threads that are started later, and the programs that are, have given it up too.
///
/// # Errors
/// If the system does not let it; then some of it may be given up.
pub fn confine() -> io::Result<()> {
    umask(Mode::from_raw_mode(0o077));
    // What passwords and secrets were in memory when it died would be in the file.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    {
        use rustix::{
            process::{DumpableBehavior, set_dumpable_behavior},
            thread::set_no_new_privs,
        };
        // The limit does not hold for a core that is piped to a program, nor against a debugger of the same user.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        set_no_new_privs(true)?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::{
        process::{DumpableBehavior, dumpable_behavior, getrlimit},
        thread::no_new_privs,
    };

    use super::*;

    #[test]
    fn nothing_that_is_given_up_is_left() {
        confine().expect("Linux lets it");
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        assert_eq!(no_new_privs(), Ok(true));
        assert_eq!(umask(Mode::from_raw_mode(0o077)).bits(), 0o077);
    }
}
