#include "http_answer.h"
#include "check.h"

using namespace esphome::plant_node;

static std::string read(const std::string &text, bool closes = false, size_t piece = 0) {
  static HttpAnswer<64> answer;
  answer.reset();
  for (size_t at = 0; at < text.size();) {
    size_t size = piece != 0 ? piece : 1 + pick(9);
    size = size < text.size() - at ? size : text.size() - at;
    char *exact = new char[size];
    memcpy(exact, text.data() + at, size);
    answer.feed(exact, size);
    delete[] exact;
    at += size;
  }
  if (closes)
    answer.closed();
  if (!answer.is_over())
    return "more";
  return answer.is_whole() ? std::to_string(answer.status()) + ":" + std::string(answer.body(), answer.body_size()) : "broken";
}

int main() {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 200; i++) {
    CHECK(read(ok + "Content-Length: 2\r\n\r\n{}") == "200:{}");
    CHECK(read(ok + "content-length:2\r\nX: " + std::string(1000, 'x') + "\r\n\r\n{}rest") == "200:{}");
    CHECK(read(ok + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nT: 1\r\n\r\n") == "200:{}");
    CHECK(read(ok + "\r\n{}", true) == "200:{}");
    CHECK(read("HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\n{}") == "200:{}");
    CHECK(read("HTTP/1.1 204 No Content\r\n\r\n") == "204:");
    CHECK(read("HTTP/1.0 500\n\nx", true) == "500:x");
  }
  CHECK(read(ok + "Content-Length: 2\r\n\r\n{") == "more");
  CHECK(read(ok + "Content-Length: 2\r\n\r\n{", true) == "broken");
  CHECK(read(ok + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", true) == "broken");
  // Too large, or a lie.
  CHECK(read(ok + "Content-Length: 65\r\n\r\n") == "broken");
  CHECK(read(ok + "Content-Length: 99999999999999999999\r\n\r\n") == "broken");
  CHECK(read(ok + "Content-Length: -1\r\n\r\n") == "broken");
  CHECK(read(ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n") == "broken");
  CHECK(read(ok + "Transfer-Encoding: gzip\r\n\r\n") == "broken");
  CHECK(read(ok + "Transfer-Encoding: chunked\r\n\r\n41\r\n" + std::string(65, 'x')) == "broken");
  CHECK(read(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x") == "more");
  CHECK(read(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n") == "broken");
  CHECK(read(ok + "Transfer-Encoding: chunked\r\n\r\n\r\n") == "broken");
  CHECK(read(ok + "\r\n" + std::string(65, 'x'), true) == "broken");
  CHECK(read("HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x')) == "422:" + std::string(64, 'x'));
  for (const char *wrong : {"<html>\n", "HTTP/2 200 OK\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1 2000\r\n", "\r\n"})
    CHECK(read(wrong) == "broken");
  // Headers that never end.
  CHECK(read(ok + std::string(5000, 'x'), false, 100) == "broken");
  std::string many = ok;
  for (int i = 0; i < 500; i++)
    many += "X-Y: z1234\r\n";
  CHECK(read(many, false, 100) == "broken");

  static HttpAnswer<64> answer;
  answer.reset();
  const std::string later = "HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
  answer.feed(later.data(), later.size());
  CHECK(answer.is_whole() && answer.status() == 503 && answer.retry_after_ms() == 30'000);
  answer.reset();
  CHECK(answer.retry_after_ms() == 0 && !answer.is_over());

  // Any bytes at all: it ends, and never reads or writes outside.
  const std::string seed = ok + "Transfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (int i = 0; i < 200'000; i++) {
    std::string text = seed;
    for (uint32_t n = pick(5); n != 0; n--)
      text[pick(static_cast<uint32_t>(text.size()))] = "\r\n:0123f; HTP"[pick(12)];
    read(text, true);
  }
}
