// A route whose code comes when it is first entered.
import { h } from "vue";
import { RouterLink, useRouter } from "vue-router";

export default {
  setup() {
    const router = useRouter();
    const sort = () => router.replace({ query: { sort: "price" } });
    return () => [
      h("h1", "Shoes"),
      h("button", { id: "sort", onClick: sort }, "Sort"),
      ...[41, 42].map((id) => h(RouterLink, { to: `/shoes/${id}` }, () => `Shoe ${id}`)),
    ];
  },
};
