//! A way to a server that a test can block: cut, frozen, or leading elsewhere.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flux_test::{Server, TestDb};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Cut,
    /// Takes everything and answers nothing.
    Frozen,
}

struct Shared {
    to: Mutex<(String, u16)>,
    mode: Mutex<Mode>,
    streams: Mutex<Vec<TcpStream>>,
}

/// One address that leads to a server. Shown as `127.0.0.1:PORT`.
pub struct Way {
    port: u16,
    shared: Arc<Shared>,
}

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "127.0.0.1:{}", self.port)
    }
}

impl Way {
    pub fn to(db: &TestDb) -> Self {
        Self::lead(db.tcp(), Mode::Open)
    }

    pub fn to_server(server: &Server) -> Self {
        Self::lead(server.tcp(), Mode::Open)
    }

    /// Nothing answers there.
    pub fn dead() -> Self {
        Self::lead(("127.0.0.1", 1), Mode::Cut)
    }

    fn lead((host, port): (&str, u16), mode: Mode) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let to = Mutex::new((host.to_owned(), port));
        let shared = Arc::new(Shared { to, mode: Mutex::new(mode), streams: Mutex::default() });
        if mode == Mode::Open {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| pass(&shared, stream)));
        }
        Self { port: own, shared }
    }

    /// Ends its connections and takes no more.
    pub fn cut(&self) {
        *self.shared.mode.lock().unwrap() = Mode::Cut;
        self.shared.streams.lock().unwrap().drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }

    /// Nothing goes through any more, and nobody is told.
    pub fn freeze(&self) {
        *self.shared.mode.lock().unwrap() = Mode::Frozen;
    }

    /// New connections lead to another server.
    pub fn turn(&self, server: &Server) {
        let (host, port) = server.tcp();
        *self.shared.to.lock().unwrap() = (host.to_owned(), port);
    }
}

fn pass(shared: &Arc<Shared>, stream: TcpStream) {
    match *shared.mode.lock().unwrap() {
        Mode::Open => {}
        Mode::Cut => return,
        Mode::Frozen => return shared.streams.lock().unwrap().push(stream),
    }
    let to = shared.to.lock().unwrap().clone();
    let Ok(server) = TcpStream::connect(to) else { return };
    shared.streams.lock().unwrap().extend([stream.try_clone().unwrap(), server.try_clone().unwrap()]);
    let ends = [(stream.try_clone().unwrap(), server.try_clone().unwrap()), (server, stream)];
    for (from, to) in ends {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || pump(&shared, from, to));
    }
}

fn pump(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        while *shared.mode.lock().unwrap() == Mode::Frozen {
            std::thread::sleep(Duration::from_millis(20));
        }
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
