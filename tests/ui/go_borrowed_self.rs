use sudog::go;

struct Server;

impl Server {
    fn start(&self) {
        go!(self.serve(1));
    }

    fn serve(&self, _: u32) {}
}

fn main() {
    Server.start();
}
