import { describe, expect, it } from "vitest";
import { deliveryId, deliveryPlaceOf } from "../../../src/webhooks/delivery-id.ts";

describe("a delivery's id", () => {
  const place = {
    endpointId: "endpoint_01JD5Z3Q7KABCDEF",
    at: 1_795_420_800_123,
    eventId: "event_01H455VB4PEX5VSK0001",
  };

  it("names the endpoint, the time and the event, and is read back", () => {
    expect(deliveryId(place)).toBe("delivery_01JD5Z3Q7KABCDEF_1795420800123_01H455VB4PEX5VSK0001");
    expect(deliveryPlaceOf(deliveryId(place))).toEqual(place);
  });

  it.each([
    "",
    "delivery_",
    "delivery_A_1",
    "order_01H455VB4PEX5VSK",
    "delivery_A_x_B",
    "delivery_a_1_b",
    "delivery_A_1_B_C",
  ])("is nothing else: %j", (id) => {
    expect(deliveryPlaceOf(id)).toBeNull();
  });
});
