PAGE = {"Origin": "https://app.example"}
ASKING = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


async def test_a_browser_may_not_cross_by_default(gateway) -> None:
    status, _, headers = await gateway.request("OPTIONS", "/contacts", headers=ASKING)
    _, _, answered = await gateway.request("GET", "/contacts", gateway.key(), headers=PAGE)

    assert (status, "Access-Control-Allow-Origin" in headers) == (405, False)
    assert "Access-Control-Allow-Origin" not in answered


async def test_a_page_of_a_named_origin_asks_first_without_a_key(gateway_with) -> None:
    async with gateway_with(cors_origins="https://app.example, https://other.example/") as gateway:
        status, _, headers = await gateway.request("OPTIONS", "/score", headers=ASKING)
        refused, _, stranger = await gateway.request(
            "OPTIONS", "/score", headers={**ASKING, "Origin": "https://evil.example"}
        )

    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")
    assert "authorization" in headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in headers
    assert (refused, "Access-Control-Allow-Origin" in stranger) == (400, False)


async def test_a_page_reads_limits_and_errors_too(gateway_with) -> None:
    async with gateway_with(cors_origins="https://app.example") as gateway:
        _, _, answered = await gateway.request("GET", "/contacts", gateway.key(), headers=PAGE)
        status, _, refused = await gateway.request("GET", "/contacts", headers=PAGE)

    for headers in (answered, refused):
        assert headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Retry-After" in headers["Access-Control-Expose-Headers"]
    assert status == 401


async def test_a_prediction_and_its_refusal_have_the_headers_of_every_other_answer(gateway_with) -> None:
    async with gateway_with(cors_origins="https://app.example") as gateway:
        listed = await gateway.request("GET", "/contacts", gateway.key(), headers=PAGE)
        scored = await gateway.request("POST", "/score", gateway.key(), data=b"{}", headers=PAGE)
        refused = await gateway.request("POST", "/score", headers=PAGE)

    beside = {"RateLimit", "RateLimit-Policy"}
    names = {name.title() for name in listed[2]} - {"Content-Length", "Date"}
    assert (scored[0], refused[0]) == (200, 401)
    assert names <= {name.title() for name in scored[2]}
    assert names - {one.title() for one in beside} <= {name.title() for name in refused[2]}
    assert (
        scored[2]["Access-Control-Allow-Origin"] == refused[2]["Access-Control-Allow-Origin"] == "https://app.example"
    )


async def test_a_wrong_method_is_answered_with_all_that_the_path_answers(gateway) -> None:
    listed = await gateway.request("DELETE", "/contacts")
    one = await gateway.request("POST", "/outcomes/x")
    score = await gateway.request("GET", "/score")
    options = await gateway.request("OPTIONS", "/contacts")

    assert [answer[0] for answer in (listed, one, score, options)] == [405, 405, 405, 405]
    assert listed[2]["Allow"] == "GET, HEAD, POST"
    assert one[2]["Allow"] == "GET, HEAD, PUT, DELETE"
    assert score[2]["Allow"] == "POST"
    assert options[2]["Allow"] == "GET, HEAD, POST"
